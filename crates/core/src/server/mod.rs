//! Runs a service: the accept loop and the concurrency models.

pub(crate) mod acceptor;
pub(crate) mod backlog;
pub(crate) mod model;
pub(crate) mod rejects;
mod server;
pub(crate) mod shutdown;
pub(crate) mod worker;

pub use model::Model;
pub use server::Server;
