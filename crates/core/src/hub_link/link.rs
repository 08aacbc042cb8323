//! What joins conversations to the hub, in this process or another.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::hub::message::{Notice, Request};
use crate::reactor::poll::Interest;

use crate::hub_link::in_process::Local;
use crate::hub_link::socket::Remote;

/// One end of the way to the hub, for any number of members. Whoever holds it numbers them; member 0
/// is there from the beginning, and is to [say so](Request::Here).
///
/// Dropped, it takes its members along.
pub(crate) enum Wire {
    Local(Local),
    Remote(Remote),
}

/// The hub has ended, or does not make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HubLost;

impl Wire {
    /// What to wait for, where what the hub tells is `wanted` now.
    pub(crate) fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        match self {
            Self::Local(local) => local.watched(wanted),
            Self::Remote(remote) => remote.watched(wanted),
        }
    }

    /// A member asks for something. Its first request makes it one; the last is to
    /// [depart](Request::Depart).
    ///
    /// What it hears in turn may be there at once, without a word to those who wait.
    pub(crate) fn ask(&mut self, number: u32, requests: Vec<Request>) {
        match self {
            Self::Local(local) => local.ask(number, requests),
            Self::Remote(remote) => remote.ask(number, &requests),
        }
    }

    /// What the hub tells next, and which member.
    ///
    /// # Errors
    ///
    /// Nothing more can come.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Notice)>, HubLost> {
        match self {
            Self::Local(local) => Ok(local.next()),
            Self::Remote(remote) => remote.next(),
        }
    }

    /// Whether so much waits to reach the hub that no more should be asked for.
    pub(crate) fn is_clogged(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Remote(remote) => remote.is_clogged(),
        }
    }

    /// When the hub is to be told the time, for those who wait for something that they asked for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Local(local) => local.deadline(),
            Self::Remote(_) => None, // it keeps its own time
        }
    }

    /// The time has come.
    pub(crate) fn tick(&self) {
        match self {
            Self::Local(local) => local.tick(),
            Self::Remote(_) => (),
        }
    }

    /// There is more to be told than was taken: whoever waits is to be told at once.
    pub(crate) fn insist(&self) {
        match self {
            Self::Local(local) => local.insist(),
            Self::Remote(_) => (), // what was not read keeps the socket ready
        }
    }
}
