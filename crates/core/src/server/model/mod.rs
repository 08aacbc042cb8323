//! The concurrency models: what runs the sessions that the acceptor admits.

pub(crate) mod children;
pub(crate) mod events;
pub(crate) mod fork;
pub(crate) mod fork_hub;
pub(crate) mod fork_udp;
pub(crate) mod threads;

/// How sessions run at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Model {
    /// A process per client.
    #[default]
    Fork,
    /// A thread per client.
    Threads,
    /// One thread for all clients, over epoll.
    Events,
    /// One client at a time; the next one waits in the backlog.
    Sequential,
}
