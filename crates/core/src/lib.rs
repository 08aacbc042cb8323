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

mod acceptor;
mod admission;
mod alarm;
mod arrivals;
mod bell;
mod bind;
mod bucket;
mod central;
mod chaperone;
mod children;
mod clean;
mod connection;
mod correspondence;
mod correspondent;
mod crew;
mod datagrams;
mod departures;
mod descriptors;
mod dropped;
mod ended;
mod exchange;
mod framing;
mod guard;
mod guarded;
mod hold;
mod hub;
mod inbox;
mod inherited;
mod leaving;
mod ledger;
mod limits;
mod listen;
mod listener;
mod notify;
mod outbox;
mod pace;
mod peer;
mod ports;
mod program;
mod proof;
mod rehearsal;
mod rooms;
mod run;
mod service;
mod signals;
mod state;
mod stream;
mod sys;
mod task;
mod tasks;
mod times;
mod wait;
mod waiting;
mod wire;

pub mod events;
pub mod fork;
pub mod sequential;
pub mod threads;

pub use bind::{BindError, BindOptions, Family};
pub use clean::Clean;
pub use connection::Connection;
pub use descriptors::use_all_descriptors;
pub use ended::Ended;
pub use framing::Framing;
pub use inherited::inherited;
pub use limits::{Limits, NoRate, Rate};
pub use listen::{DEFAULT_PORT, Descriptor, Listen, ListenError, Place};
pub use listener::Listener;
pub use notify::notify;
pub use outbox::Outbox;
pub use peer::{Address, Host, Peer, Transport};
pub use rehearsal::{Datagram, Gathering, Pieces, rehearse, rehearse_datagrams};
pub use rooms::{Heard, Origin, Parting, Room};
pub use service::{Error, Flow, Needs, OverDatagrams, Refusal, Service, Session};
pub use signals::Signals;
pub use state::Reporting;
