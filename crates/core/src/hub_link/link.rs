//! The connection between sessions and the hub, in this process or another one.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use crate::hub::message::{Notice, Request};
use crate::hub_link::in_process::{InProcessLink, SharedHub};
pub(crate) use crate::hub_link::socket::HubLost;
use crate::hub_link::socket::SocketLink;
use crate::reactor::poll::Interest;

/// The sessions' end of a connection to the hub, for any number of members.
///
/// The owner numbers its members. Member 0 exists from the beginning, and the owner sends
/// [`Request::Ready`] for it. Dropping the link disconnects all its members.
pub(crate) enum Link {
    InProcess(InProcessLink),
    Socket(SocketLink),
}

impl Link {
    /// A link to the hub in this process.
    ///
    /// # Errors
    ///
    /// No descriptor is available.
    pub(crate) fn in_process(hub: &SharedHub) -> io::Result<Self> {
        hub.link().map(Self::InProcess)
    }

    /// A link over one end of a socket pair, which must be non-blocking.
    pub(crate) fn socket(socket: OwnedFd) -> Self {
        Self::Socket(SocketLink::new(socket))
    }

    /// What to poll; `wanted` says whether notices can be taken now.
    pub(crate) fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        match self {
            Self::InProcess(link) => link.watched(wanted),
            Self::Socket(link) => link.watched(wanted),
        }
    }

    /// Sends requests of a member. A number that is not known yet connects a new member;
    /// [`Request::Disconnect`] ends it.
    ///
    /// Notices may be available at once, without the descriptor becoming ready.
    pub(crate) fn send(&mut self, number: u32, requests: Vec<Request>) {
        match self {
            Self::InProcess(link) => link.send(number, requests),
            Self::Socket(link) => link.send(number, &requests),
        }
    }

    /// The next notice, with the number of its member.
    ///
    /// # Errors
    ///
    /// The hub has ended.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Notice)>, HubLost> {
        match self {
            Self::InProcess(link) => Ok(link.next()),
            Self::Socket(link) => link.next(),
        }
    }

    /// Whether so many requests wait to be sent that no more should be made.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::InProcess(_) => false,
            Self::Socket(link) => link.is_full(),
        }
    }

    /// When [`tick`](Self::tick) is due. It matters only to members with pending requests.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::InProcess(link) => link.deadline(),
            Self::Socket(_) => None, // the hub has its own timeout
        }
    }

    /// Lets the hub stop waiting for members whose deadline has passed.
    pub(crate) fn tick(&self) {
        match self {
            Self::InProcess(link) => link.tick(),
            Self::Socket(_) => (),
        }
    }

    /// Makes the descriptor ready again if notices are left, for an owner that did not take all.
    pub(crate) fn rearm(&self) {
        match self {
            Self::InProcess(link) => link.rearm(),
            Self::Socket(_) => (), // unread data keeps a socket ready
        }
    }
}
