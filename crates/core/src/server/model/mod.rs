pub(crate) mod children;
pub mod events;
pub mod fork;
pub(crate) mod fork_hub;
pub(crate) mod fork_udp;
pub mod sequential;
pub mod threads;
