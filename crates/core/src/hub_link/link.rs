//! What joins conversations to the hub, in this process or another.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use crate::hub::message::{Notice, Request};
use crate::reactor::poll::Interest;

use crate::hub_link::in_process::{InProcessLink, SharedHub};
pub(crate) use crate::hub_link::socket::HubLost;
use crate::hub_link::socket::SocketLink;

/// One end of the way to the hub, for any number of members. Whoever holds it numbers them; member 0
/// is there from the beginning, and is to [say so](Request::Ready).
///
/// Dropped, it takes its members along.
pub(crate) enum Link {
    InProcess(InProcessLink),
    Socket(SocketLink),
}

impl Link {
    /// A link to the hub in this process, for one who comes now: member 0 has entered.
    ///
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(crate) fn in_process(hub: &SharedHub) -> io::Result<Self> {
        hub.link().map(Self::InProcess)
    }

    /// A link over one end of a socket pair, whose calls never wait.
    pub(crate) fn socket(socket: OwnedFd) -> Self {
        Self::Socket(SocketLink::new(socket))
    }

    /// What to wait for, where what the hub tells is `wanted` now.
    pub(crate) fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        match self {
            Self::InProcess(local) => local.watched(wanted),
            Self::Socket(remote) => remote.watched(wanted),
        }
    }

    /// A member asks for something. Its first request makes it one; the last is to
    /// [depart](Request::Disconnect).
    ///
    /// What it hears in turn may be there at once, without a word to those who wait.
    pub(crate) fn send(&mut self, number: u32, requests: Vec<Request>) {
        match self {
            Self::InProcess(local) => local.send(number, requests),
            Self::Socket(remote) => remote.send(number, &requests),
        }
    }

    /// What the hub tells next, and which member.
    ///
    /// # Errors
    ///
    /// Nothing more can come.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Notice)>, HubLost> {
        match self {
            Self::InProcess(local) => Ok(local.next()),
            Self::Socket(remote) => remote.next(),
        }
    }

    /// Whether so much waits to reach the hub that no more should be asked for.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::InProcess(_) => false,
            Self::Socket(remote) => remote.is_full(),
        }
    }

    /// When the hub is to be told the time, for those who wait for something that they asked for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::InProcess(local) => local.deadline(),
            Self::Socket(_) => None, // it keeps its own time
        }
    }

    /// The time has come.
    pub(crate) fn tick(&self) {
        match self {
            Self::InProcess(local) => local.tick(),
            Self::Socket(_) => (),
        }
    }

    /// There is more to be told than was taken: whoever waits is to be told at once.
    pub(crate) fn rearm(&self) {
        match self {
            Self::InProcess(local) => local.rearm(),
            Self::Socket(_) => (), // what was not read keeps the socket ready
        }
    }
}
