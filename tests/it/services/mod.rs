//! The services, one file each or one per aspect.

pub(crate) mod chat;
pub(crate) mod chat_faults;
pub(crate) mod connect_four;
pub(crate) mod examples;
pub(crate) mod exec;
pub(crate) mod exec_exit;
pub(crate) mod exec_udp;
pub(crate) mod forward;
pub(crate) mod forward_large;
pub(crate) mod forward_udp;
pub(crate) mod send_file;
pub(crate) mod simple;
pub(crate) mod transcripts;
