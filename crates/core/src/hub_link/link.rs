//! The connection between sessions and the hub, in this process or another one.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::hub::message::{HubMessage, Request};
use crate::reactor::poll::Interest;

/// The sessions' end of a connection to the hub, for any number of members.
///
/// The owner numbers its members. Member 0 exists from the beginning, and the owner sends
/// [`Request::Ready`] for it. Dropping the link disconnects all its members.
pub(crate) type Link = Box<dyn HubLink>;

/// What a [`Link`] does.
pub(crate) trait HubLink: Send {
    /// What to poll; `wanted` says whether messages can be taken now.
    fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest);

    /// Sends requests of a member. A number that is not known yet connects a new member;
    /// [`Request::Disconnect`] ends it.
    ///
    /// Messages may be available at once, without the descriptor becoming ready.
    fn send(&mut self, number: u32, requests: Vec<Request>);

    /// The next message, with the number of its member.
    fn next(&mut self) -> Result<Option<(u32, HubMessage)>, HubLost>;

    /// Whether the queue of unsent requests has reached its limit.
    fn is_full(&self) -> bool {
        false
    }

    /// When [`tick`](Self::tick) is due. It matters only to members with pending requests. A hub in
    /// another process has its own timeout.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Lets the hub stop waiting for members whose deadline has passed.
    fn tick(&self) {}

    /// Makes the descriptor ready again if messages are left, for an owner that did not take all.
    /// Unread data keeps a socket ready.
    fn rearm(&self) {}
}

/// The hub has ended, or sent malformed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HubLost;
