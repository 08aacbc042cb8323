//! Helpers of the tests: servers, clients, processes, folders.

pub(crate) mod files;
pub(crate) mod proc;
pub(crate) mod scene;
pub(crate) mod server;
pub(crate) mod tftp;
