//! The plug: what a service is, and what a conversation with one peer is.

use std::borrow::Cow;
use std::io;
use std::process::Command;

use crate::hub::types::{Heard, Room};
use crate::peer::{Peer, Transport};
use crate::session::framing::Framing;
use crate::session::outbox::Outbox;

/// A kind of conversation, shared by all peers.
///
/// A service is made once, before anything listens, and brings its resources (a parsed script, an
/// opened directory) with it. It is asked for one [`Session`] per peer, in the process or thread
/// that will hold that conversation.
pub trait Service: Send + Sync {
    /// How messages are told apart on a stream; over datagrams each datagram is one message.
    fn framing(&self) -> Framing {
        Framing::Line
    }

    /// The same for peers of one kind, where that is not the same for all: a service may speak in
    /// lines on a stream, and in datagrams of another form.
    fn framing_over(&self, _transport: Transport) -> Framing {
        self.framing()
    }

    /// What a peer of datagrams, whose address may be forged, can make the service send there.
    fn over_datagrams(&self) -> OverDatagrams {
        OverDatagrams::WITHIN_MEASURE
    }

    /// What it needs beside its peer; what is not named is not there.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// How the room of this name works, for sessions that [join](Outbox::join) it.
    ///
    /// It is asked when the first one does, and need not be asked in the process of that session.
    fn room(&self, _name: &str) -> Room {
        Room::default()
    }

    /// What a person types to try it: the call of `nc` that reaches it, unless that is no use.
    /// `place` is where that reaches it, as in `localhost:1212`; empty if that is no address of the
    /// Internet.
    fn trial(&self, nc: String, _transport: Transport, _place: &str) -> String {
        nc
    }

    /// Begins a conversation with `peer`.
    ///
    /// Under the fork model this runs in the peer's own process, a copy of the one that made the
    /// service: a generator that was seeded before draws the same numbers for every peer. That of
    /// `rand::rng()` is seeded anew.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] is sent to the peer in its own words, and the connection is closed.
    fn session(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal>;
}

/// One conversation with one peer: its state and nothing else.
///
/// A session does no socket I/O and reads no clock. It is told what happened and says what it wants
/// done through the [`Outbox`]; the [`Flow`] it returns says how to go on. An error or a panic ends
/// this conversation and no other; what was sent before it still reaches the peer.
pub trait Session {
    /// The conversation begins: the place for a greeting.
    ///
    /// # Errors
    ///
    /// Any error ends this conversation only.
    fn open(&mut self, _out: &mut Outbox) -> Result<Flow, Error> {
        Ok(Flow::Continue)
    }

    /// Hears one message and may answer it. A line comes without its line end.
    ///
    /// # Errors
    ///
    /// Any error ends this conversation only.
    fn receive(&mut self, message: &[u8], out: &mut Outbox) -> Result<Flow, Error>;

    /// Hears of a room: what was posted there, who came and who left.
    ///
    /// It may be called at any time, also between [`Flow::Wait`] and what that waits for, but not
    /// while there is [more](Flow::More) to send.
    ///
    /// # Errors
    ///
    /// Any error ends this conversation only.
    fn hear(&mut self, _heard: &Heard<'_>, _out: &mut Outbox) -> Result<Flow, Error> {
        Ok(Flow::Continue)
    }

    /// The time is over after which it [asked](Outbox::wake_after) to be woken.
    ///
    /// # Errors
    ///
    /// Any error ends this conversation only.
    fn wake(&mut self, _out: &mut Outbox) -> Result<Flow, Error> {
        Ok(Flow::Continue)
    }

    /// Goes on after [`Flow::More`], now that the outbox has room.
    ///
    /// # Errors
    ///
    /// Any error ends this conversation only.
    fn resume(&mut self, _out: &mut Outbox) -> Result<Flow, Error> {
        Ok(Flow::Continue)
    }

    /// The peer has ended its side and will say no more; it may still be listening. All that was
    /// posted has reached its rooms.
    ///
    /// [`Flow::Close`], the default, closes once everything sent has left. [`Flow::Continue`] keeps
    /// the conversation open for what else may happen.
    ///
    /// # Errors
    ///
    /// Any error ends this conversation only.
    fn finish(&mut self, _out: &mut Outbox) -> Result<Flow, Error> {
        Ok(Flow::Close)
    }

    /// The server is stopping: the place for last words, by default those of
    /// [`finish`](Self::finish).
    ///
    /// With [`Flow::Continue`] the conversation may go on to complete something; it is cut when the
    /// grace is over.
    ///
    /// # Errors
    ///
    /// Any error ends this conversation only.
    fn stop(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
        self.finish(out)
    }
}

/// How a conversation goes on.
#[derive(Debug)]
pub enum Flow {
    /// Wait for what the peer says next.
    Continue,
    /// There is more to send than should wait in the outbox: no message is delivered until
    /// [`resume`](Session::resume), which follows as soon as there is room. Who then sends nothing
    /// and asks for more [fails](crate::Ended::Stuck).
    More,
    /// Deliver nothing from the peer, neither messages nor the end of its side, until something else
    /// has happened: a room was [heard](Session::hear), or the session was
    /// [woken](Session::wake). What that call returns says how to go on.
    Wait,
    /// Close once everything sent has left. The session is not called again.
    ///
    /// That includes what was posted, once all who are to hear it have room for it.
    Close,
    /// Give the peer to this program, once everything sent has left: it takes the session's place.
    ///
    /// Only [`open`](Session::open) may say so, of a service that [needs](Service::needs) programs.
    /// The program runs as the command says, in a process group of its own, with the peer as its
    /// standard input and output and its standard error in the log. It gets no other descriptor,
    /// and signals as they are by default. Over datagrams it is given the one datagram, and what it
    /// prints is the answer.
    Exec(Box<Command>),
}

/// What a service needs beside its peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Programs that take the place of its sessions, see [`Flow::Exec`].
    pub programs: bool,
    /// Rooms, where its sessions hear each other, see [`Outbox::join`].
    pub rooms: bool,
}

/// What a service sends to a peer of datagrams that has not shown that its address is its own.
///
/// A forged address is somebody's who never asked. What is sent there must be little beside what
/// was received from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverDatagrams {
    /// At most `bytes`, and `times` what was received.
    Within {
        /// So many bytes whatever was received.
        bytes: u64,
        /// So many bytes for each that was received.
        times: u64,
        /// Why no less will do, and no more is needed.
        reason: &'static str,
    },
    /// Each conversation has a port of its own, which nobody knows but who was sent something from
    /// there. Who speaks to it has shown that its address is its own: what it is sent then has no
    /// measure and no [rate](crate::Limits::datagrams_per_second). When its conversation is over, it
    /// is forgotten.
    ///
    /// What is said at the port where the server listens, by whom a conversation goes on with, is a
    /// message of that. Who speaks to the port of somebody else has a conversation of its own from
    /// there, and stays under the measure.
    OwnPort {
        /// So many bytes before.
        bytes: u64,
        /// Why no less will do.
        reason: &'static str,
    },
    /// The service is not offered over datagrams, for this reason.
    Never(&'static str),
}

impl OverDatagrams {
    /// 128 bytes and three times what was received: hardly better for a flood than sending it
    /// oneself. Three times is the measure of QUIC (RFC 9000, section 8).
    pub const WITHIN_MEASURE: Self = Self::Within {
        bytes: 128,
        times: 3,
        reason: "a greeting, and answers somewhat longer than the questions",
    };
}

/// Words for a peer whose conversation does not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub Cow<'static, str>);

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something it uses failed, such as standard output or a file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It says so itself.
    #[error("{0}")]
    Failed(Cow<'static, str>),
}
