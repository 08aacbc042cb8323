//! Network services that are written once and run under every concurrency model.
//!
//! A [`Service`] makes a [`Session`] per peer. A session reacts to events and requests what it wants
//! through its [`Outbox`]; it has no socket and no clock. A [`Server`] runs the sessions: a process per
//! client, a thread per client, one event loop, or one client at a time. Its [`Listener`]s are TCP,
//! UDP and Unix sockets, inherited descriptors, or standard input. Sessions exchange messages in
//! [rooms](RoomService), whatever process each runs in.
//!
//! ```no_run
//! use switchboard_core::{
//!     BindOptions, Flow, ListenAddr, Listener, Outbox, Peer, Refusal, Result, Server, Service, Session,
//! };
//!
//! struct Greeter;
//!
//! impl Service for Greeter {
//!     fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
//!         Ok(Box::new(Greeting))
//!     }
//! }
//!
//! struct Greeting;
//!
//! impl Session for Greeting {
//!     fn on_message(&mut self, name: &[u8], out: &mut Outbox) -> Result {
//!         out.send(&[b"Hello, ", name].concat());
//!         Ok(Flow::Close)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listeners = Listener::bind(&[ListenAddr::default()], &BindOptions::default())?;
//! Server::new(Greeter).serve(listeners)?;
//! # Ok(())
//! # }
//! ```
//!
//! The folders, from the top layer down: [`testing`] drives sessions without sockets; `server` accepts
//! peers and runs them under a model; `udp` and `stream` are the two kinds of connection; `exec` runs
//! programs as sessions; `hub_link` joins processes to the hub; `session` is the service API and the
//! connection without I/O; `hub` is publish/subscribe; `net` has addresses and sockets; `limits` caps
//! and counts; `reactor` waits for events; `sys` has all unsafe code. A folder imports only folders
//! below it.

mod byte_queue;
mod exec;
mod hub;
mod hub_link;
mod limits;
mod net;
mod peer;
mod reactor;
mod sanitize;
mod server;
mod session;
mod stream;
mod sys;
mod udp;

pub mod testing;

pub use ipnet::IpNet;

pub use hub::types::{LeaveReason, Member, MemberId, Post, RoomEvent, RoomKind};
pub use limits::limits::{Limits, ParseRateError, Rate};
pub use limits::stats::Reporting;
pub use net::bind::{BindError, BindOptions, Family};
pub use net::listen_addr::{
    DEFAULT_PORT, Descriptor, HostPort, ListenAddr, ParseListenAddrError, resolve_host,
    unix_socket_address,
};
pub use net::listener::Listener;
pub use net::multicast::is_broadcast;
pub use peer::{Address, Host, Peer, Transport};
pub use reactor::signals::Signals;
pub use sanitize::{Sanitized, without_zero_width};
pub use server::{Model, Server};
pub use session::close_reason::CloseReason;
pub use session::config::{Config, UdpPolicy};
pub use session::framing::Framing;
pub use session::outbox::Outbox;
pub use session::rooms::Rooms;
pub use session::service::{
    Error, Flow, Refusal, Result, RoomService, Service, Session, service_fn,
};
pub use sys::fd::take_inherited;
pub use sys::rlimit::raise_fd_limit;
pub use sys::systemd::notify_service_manager;
