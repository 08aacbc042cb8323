//! What a session wants of its rooms, until the hub has done it.

use crate::hub::message::Request;
use crate::peer::Transport;
use crate::session::outbox::Outbox;

impl Outbox {
    /// What the peer is connected by.
    pub(crate) fn transport(&self) -> Transport {
        match self.apart {
            None => Transport::Stream,
            Some(_) => Transport::Datagram,
        }
    }

    pub(crate) fn request(&mut self, request: Request) {
        let asked = self.asked + request.weight();
        if self.overflow.is_some() || self.most < asked {
            self.overflow.get_or_insert(asked);
            return;
        }
        self.asked = asked;
        self.requests.push(request);
    }

    /// What the session wants of its rooms, each once.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Whether the session wants anything of rooms.
    pub(crate) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Whether anything that it asked of its rooms is not done.
    pub(crate) fn has_asked(&self) -> bool {
        0 < self.asked
    }

    /// Whether so much is not done that no more should follow.
    pub(crate) fn has_asked_much(&self) -> bool {
        self.high_water <= self.asked
    }

    /// Requests of this weight are done.
    pub(crate) fn taken(&mut self, weight: usize) {
        self.asked = self.asked.saturating_sub(weight);
    }

    /// Nothing of what it asked for will be done any more.
    pub(crate) fn forget_requests(&mut self) {
        self.requests.clear();
        self.asked = 0;
    }
}
