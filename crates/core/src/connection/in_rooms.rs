//! A conversation among others: what its session wants of the hub, and hears from there.

use std::time::Duration;

use crate::connection::{Connection, State};
use crate::ended::Ended;
use crate::guarded::guarded;
use crate::hub::{Notice, Request};

impl Connection {
    /// What the session asks of the hub, in order, each once.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        self.outbox.take_requests()
    }

    /// Whether the session may be told what happens in its rooms.
    pub(crate) fn wants_news(&self) -> bool {
        !self.more && !self.outbox.is_full()
    }

    /// The hub tells something. What is for a session that is over is nobody's.
    pub(crate) fn hear(&mut self, notice: &Notice) {
        if let Notice::Taken(weight) = *notice {
            self.outbox.taken(weight);
        } else if let (State::Talking(session), Some(heard)) = (&mut self.state, notice.heard()) {
            let out = &mut self.outbox;
            let flow = guarded(|| session.hear(&heard, out));
            self.follow(flow);
        }
        self.pump();
    }

    /// The hub is gone, and all rooms with it.
    pub(crate) fn lose_rooms(&mut self) {
        self.outbox.forget_requests();
        self.dismiss(Ended::RoomsLost);
    }

    /// In what time the session asked to be woken, if it has since the last look.
    pub(crate) fn take_wake(&mut self) -> Option<Duration> {
        self.outbox.take_wake()
    }

    /// The time is over.
    pub(crate) fn wake(&mut self) {
        self.woken = true;
        self.pump();
    }
}
