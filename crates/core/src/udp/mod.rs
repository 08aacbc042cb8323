pub(crate) mod dedicated_port;
pub(crate) mod filter;
pub(crate) mod peer;
pub(crate) mod peer_table;
pub(crate) mod recv_batch;
pub(crate) mod send_batch;
pub(crate) mod server;
pub(crate) mod validation;
