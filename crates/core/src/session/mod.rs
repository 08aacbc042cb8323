pub(crate) mod close_reason;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod framing;
pub(crate) mod outbox;
pub(crate) mod rooms;
pub(crate) mod send_queue;
pub(crate) mod service;
