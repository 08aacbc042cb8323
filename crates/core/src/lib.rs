//! A network service is written once, as a conversation; the servers here hold it with every
//! caller.
//!
//! A [`Service`] makes a [`Session`] per peer. A session is told what happened and says what to
//! send: it opens no socket and reads no clock. [`Connection`] puts one session between its framing
//! and its [`Outbox`], still without I/O, and a server ([`fork`], [`threads`],
//! [`events`], [`sequential`]) drives connections over the sockets of its [`Listener`]s. Sessions that
//! are to hear each other meet in [`Room`]s, whatever process each is in.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use switchboard_core::{BindOptions, Error, Flow, Limits, Listen, Listener};
//! use switchboard_core::{Outbox, Peer, Refusal, Reporting, Service, Session, Signals, fork};
//!
//! struct Greeter;
//!
//! impl Service for Greeter {
//!     fn session(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
//!         Ok(Box::new(Greeting))
//!     }
//! }
//!
//! struct Greeting;
//!
//! impl Session for Greeting {
//!     fn receive(&mut self, name: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
//!         out.send(&[b"Hello, ", name].concat());
//!         Ok(Flow::Close)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listeners = Listener::bind(&[Listen::default()], BindOptions::default())?;
//! fork::serve(listeners, Arc::new(Greeter), &Limits::default(), Signals::block(Reporting::default())?)?;
//! # Ok(())
//! # }
//! ```

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

pub use hub::types::{Heard, Origin, Parting, Room};
pub use limits::limits::{Limits, NoRate, Rate};
pub use limits::stats::Reporting;
pub use net::bind::{BindError, BindOptions, Family};
pub use net::inherited::inherited;
pub use net::listen_addr::{DEFAULT_PORT, Descriptor, Listen, ListenError, Place};
pub use net::listener::Listener;
pub use peer::{Address, Host, Peer, Transport};
pub use reactor::signals::Signals;
pub use sanitize::Clean;
pub use server::model::{events, fork, sequential, threads};
pub use session::close_reason::Ended;
pub use session::framing::Framing;
pub use session::outbox::Outbox;
pub use session::service::{Error, Flow, Needs, OverDatagrams, Refusal, Service, Session};
pub use sys::rlimit::use_all_descriptors;
pub use sys::systemd::notify;
