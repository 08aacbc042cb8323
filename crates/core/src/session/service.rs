//! The traits of a service and of its sessions.

use std::borrow::Cow;
use std::io;
use std::process::Command;

use crate::hub::types::{RoomEvent, RoomKind};
use crate::peer::{Peer, Transport};
use crate::session::config::Config;
use crate::session::outbox::Outbox;
use crate::session::rooms::Rooms;

/// What a session method returns; with another `T` or `E`, any result of this crate.
pub type Result<T = Flow, E = Error> = std::result::Result<T, E>;

/// A protocol handler, shared by all peers.
///
/// A service is made once, before the server listens, with the resources it needs (a parsed script,
/// an opened directory). The server asks it for one [`Session`] per peer, in the process or thread
/// that will run the session.
pub trait Service: Send + Sync {
    /// What the server must know before the first session: framing, UDP policy, exec.
    ///
    /// The server may call it often; it must return the same value each time.
    fn config(&self, _over: Transport) -> Config {
        Config::lines()
    }

    /// Makes the session for `peer`.
    ///
    /// Under the fork model this runs in the client's own process, a copy of the one that made the
    /// service: a random generator seeded earlier would draw the same numbers in every child. The
    /// generator of `rand::rng()` is reseeded in the child.
    ///
    /// # Errors
    ///
    /// The text of a [`Refusal`] is sent to the peer, and the connection is closed.
    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal>;

    /// The same service with its rooms, if it has any. Implement [`RoomService`] rather than this
    /// method; only a service that wraps another one returns what that one returns.
    /// Without it, a session of the wrapped service fails when it uses a room.
    fn rooms(&self) -> Option<&dyn RoomService> {
        None
    }
}

/// A [`Service`] whose sessions exchange messages in rooms.
///
/// Under the fork model rooms cost a socket pair per client and one process for the hub.
///
/// ```
/// use std::sync::Arc;
///
/// use switchboard_core::testing::RoomDriver;
/// use switchboard_core::{
///     Flow, Limits, Outbox, Peer, Refusal, Result, RoomEvent, RoomService, Rooms, Session,
/// };
///
/// struct Relay;
///
/// impl RoomService for Relay {
///     fn connect(&self, _: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
///         Ok(Box::new(Relaying(rooms)))
///     }
/// }
///
/// struct Relaying(Rooms);
///
/// impl Session for Relaying {
///     fn on_open(&mut self, out: &mut Outbox) -> Result {
///         self.0.join(out, "all", "member");
///         Ok(Flow::Continue)
///     }
///
///     fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
///         self.0.post(out, "all", line);
///         Ok(Flow::Continue)
///     }
///
///     fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
///         if let RoomEvent::Post { post, .. } = event {
///             out.send(&post.bytes);
///         }
///         Ok(Flow::Continue)
///     }
/// }
///
/// let mut driver = RoomDriver::new(Arc::new(Relay), Limits::default());
/// driver.connect(1);
/// driver.connect(2);
/// driver.send(1, b"Good evening.\n");
/// assert_eq!(driver.received(2), b"Good evening.\n");
/// assert_eq!(driver.received(1), b"");
/// ```
pub trait RoomService: Send + Sync {
    /// As [`Service::config`].
    fn config(&self, _over: Transport) -> Config {
        Config::lines()
    }

    /// How the room of this name works. Called when the first member [joins](Rooms::join) it, not
    /// necessarily in the process of that session.
    fn room(&self, _name: &str) -> RoomKind {
        RoomKind::default()
    }

    /// As [`Service::connect`]. The session keeps `rooms`, which it needs to join rooms and to post.
    fn connect(&self, peer: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal>;
}

impl<S: RoomService> Service for S {
    fn config(&self, over: Transport) -> Config {
        RoomService::config(self, over)
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        RoomService::connect(self, peer, Rooms::new())
    }

    fn rooms(&self) -> Option<&dyn RoomService> {
        Some(self)
    }
}

/// The state of one peer, which reacts to events.
///
/// A session has no socket and no clock. It requests what it wants through the [`Outbox`], and the
/// [`Flow`] it returns says how to continue.
///
/// # Errors
///
/// An error or a panic in any method ends this session and no other; what was sent before it still
/// reaches the peer.
pub trait Session {
    /// The session begins: the place for a greeting.
    fn on_open(&mut self, _out: &mut Outbox) -> Result {
        Ok(Flow::Continue)
    }

    /// One message arrived. A line comes without its line end.
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result;

    /// Something happened in a room: a post, a member that joined or left.
    ///
    /// It may be called at any time, also after [`Flow::PauseInput`], but not between
    /// [`Flow::WhenWritable`] and [`on_writable`](Self::on_writable).
    fn on_room_event(&mut self, _event: &RoomEvent, _out: &mut Outbox) -> Result {
        Ok(Flow::Continue)
    }

    /// The timer of [`Outbox::set_timer`] expired.
    fn on_timer(&mut self, _out: &mut Outbox) -> Result {
        Ok(Flow::Continue)
    }

    /// The outbox has room again, after [`Flow::WhenWritable`].
    fn on_writable(&mut self, _out: &mut Outbox) -> Result {
        Ok(Flow::Continue)
    }

    /// The peer closed its sending side; it may still be reading. Everything the session posted has
    /// reached its rooms.
    ///
    /// [`Flow::Close`], the default, closes once everything sent has left. [`Flow::Continue`] keeps
    /// the session open, for timers and room events.
    fn on_eof(&mut self, _out: &mut Outbox) -> Result {
        Ok(Flow::Close)
    }

    /// The server is shutting down. The default does what [`on_eof`](Self::on_eof) does.
    ///
    /// With [`Flow::Continue`] the session may go on to complete something; it is cut at the end of
    /// the grace period.
    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        self.on_eof(out)
    }
}

/// How a session continues.
#[derive(Debug)]
#[non_exhaustive]
pub enum Flow {
    /// Wait for the next event.
    Continue,
    /// The session has more to send than the outbox should contain: no message is delivered until
    /// [`on_writable`](Session::on_writable), which follows as soon as there is room. A session that
    /// sends nothing there and returns this again [fails](crate::CloseReason::Stuck).
    WhenWritable,
    /// Deliver nothing from the peer, neither messages nor the end of its input, until a
    /// [room event](Session::on_room_event) or the [timer](Session::on_timer). What that call returns
    /// says how to continue.
    PauseInput,
    /// Close once everything sent has left, and everything posted has been accepted by its rooms. The
    /// session is not called again.
    Close,
    /// Replace the session by this program, once everything sent has left.
    ///
    /// Only [`on_open`](Session::on_open) may return it, of a service whose [`Config`] allows
    /// [`exec`](Config::exec). The program runs in a process group of its own, with the peer as
    /// standard input and output, and its standard error in the log. It inherits no other
    /// descriptor, and default signal actions. Over datagrams it reads the one datagram, and its
    /// output is the answer.
    Exec(Box<Command>),
}

/// The text for a peer that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub Cow<'static, str>);

/// Why a session cannot continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something it uses failed, such as standard output or a file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A reason of its own.
    #[error("{0}")]
    Failed(Cow<'static, str>),
}

/// A service from a closure, which is called for each line of each peer. It has no rooms.
///
/// ```
/// use switchboard_core::{Flow, Outbox, service_fn};
///
/// let shout = service_fn(|line: &[u8], out: &mut Outbox| {
///     out.send(&line.to_ascii_uppercase());
///     Ok(Flow::Continue)
/// });
/// ```
pub fn service_fn<F>(on_message: F) -> impl Service
where
    F: Fn(&[u8], &mut Outbox) -> Result + Clone + Send + Sync + 'static,
{
    ServiceFn(on_message)
}

struct ServiceFn<F>(F);

impl<F> Service for ServiceFn<F>
where
    F: Fn(&[u8], &mut Outbox) -> Result + Clone + Send + Sync + 'static,
{
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(Self(self.0.clone())))
    }
}

impl<F: Fn(&[u8], &mut Outbox) -> Result> Session for ServiceFn<F> {
    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        (self.0)(message, out)
    }
}
