//! When something is said again, and when it is no use any more.

use std::time::Duration;

/// The patience of one side of a transfer.
///
/// How long it waits follows from the round trips it measures, as TCP does it (RFC 6298), with a
/// smaller floor: saying something again costs little here. A round trip is not measured by what was
/// said twice (Karn).
#[derive(Debug)]
pub(super) struct RetransmitTimer {
    factor: u32,     // waits so many times as long
    gives_way: bool, // after a few tries
    usual: Duration, // before anything is said for the second time
    wait: Duration,  // now
    most: Duration,  // whatever happens
    trips: Option<Trips>,
    ambiguous: u32, // answers in a row that tell nothing about the round trip
    tries: u32,     // since there was anything new
    new_at: Duration,
    due: Duration,
    answered: bool,
}

/// Round trips that were measured.
#[derive(Clone, Copy, Debug)]
struct Trips {
    usual: Duration,
    deviation: Duration,
    least: Duration,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// Say it again.
    Again,
    /// Give up.
    Over,
}

impl RetransmitTimer {
    /// For a peer that was not heard of yet.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            factor: 1,
            gives_way: false,
            usual: FIRST,
            wait: FIRST,
            most: MOST,
            trips: None,
            ambiguous: 0,
            tries: 0,
            new_at: now,
            due: now + FIRST,
            answered: false,
        }
    }

    /// Waits twice as long as others from now on, so that the other side's time is over first.
    pub(super) fn wait_longer(&mut self) {
        self.factor = 2;
    }

    /// Where it did not help to say something a few times, waits until the other side has surely done
    /// so. The clocks of some clients begin anew with all that comes, and would never run out.
    pub(super) fn giving_way(mut self) -> Self {
        self.gives_way = true;
        self
    }

    /// The same before that too: it may do harm to say the first thing twice.
    pub(super) fn giving_way_first(mut self) -> Self {
        self.wait = self.wait.max(TURN);
        self.giving_way()
    }

    /// It gives way no longer for now: the other side goes on.
    pub(super) fn hasten(&mut self, now: Duration) {
        if self.most < self.wait {
            self.wait = self.usual;
            self.restart(now);
        }
    }

    /// Waits so long from now on, if that was agreed.
    pub(super) fn agreed(mut self, first: Option<Duration>) -> Self {
        self.factor = 1;
        if let Some(first) = first {
            self.usual = first;
            self.wait = first;
            self.most = MOST.max(first);
        }
        self
    }

    /// Something was said, or came: it waits from now on.
    pub(super) fn restart(&mut self, now: Duration) {
        self.due = now + self.wait * self.factor;
    }

    /// Something new came as an answer, after this time if that can be told.
    pub(super) fn progress(&mut self, trip: Option<Duration>, now: Duration) {
        self.ambiguous = match trip {
            Some(trip) => {
                self.measured(trip);
                0
            }
            None => self.ambiguous + 1,
        };
        self.advance(now);
        if self.ambiguous.is_multiple_of(AMBIGUOUS_MOST) {
            // The round trip may have become so long that all is said twice, and never measured: for
            // once, it waits longer, and the next time much longer.
            let times = 4_u32.saturating_pow(self.ambiguous / AMBIGUOUS_MOST);
            self.wait = self.usual.saturating_mul(times).min(self.most);
            self.restart(now);
        }
    }

    /// Something new came, as more of the same answer.
    pub(super) fn advance(&mut self, now: Duration) {
        self.answered = true;
        self.tries = 0;
        self.new_at = now;
        self.wait = self.usual;
        self.restart(now);
    }

    /// What is to be done now; that it is [`Due::Again`] is said once.
    pub(super) fn check(&mut self, now: Duration) -> Due {
        if now < self.due {
            return Due::Nothing;
        }
        let over = TRIES <= self.tries;
        if over && (!self.answered || self.new_at + PATIENCE <= now) {
            return Due::Over;
        }
        self.tries += 1;
        self.wait = if self.gives_way && QUICK_TRIES < self.tries {
            TURN.max(self.most) / self.factor
        } else if self.most < self.wait {
            self.usual // the other side had its turn before
        } else {
            (self.wait * 2).min(self.most)
        };
        self.restart(now);
        Due::Again
    }

    /// Whether anything new ever came.
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether anything was said again since there was anything new.
    pub(super) fn has_waited(&self) -> bool {
        0 < self.tries
    }

    /// The peer asks again: it does not wait any longer, if it waited for as long as it does at least.
    pub(super) fn hurry(&mut self, now: Duration) {
        let said = self.due.saturating_sub(self.wait * self.factor);
        if said + FIRST <= now {
            self.due = self.due.min(now);
        }
    }

    /// Whether an answer that comes now cannot be one to what was said then: none came so soon.
    pub(super) fn is_too_soon(&self, said: Duration, now: Duration) -> bool {
        self.trips
            .is_some_and(|trips| now.saturating_sub(said) < trips.least / 2)
    }

    /// Whether an answer to what was said then should have come by now.
    pub(super) fn is_late(&self, said: Duration, now: Duration) -> bool {
        let usual = self.trips.map_or(FIRST, |trips| trips.usual);
        said + usual <= now
    }

    pub(super) fn due(&self) -> Duration {
        self.due
    }

    fn measured(&mut self, trip: Duration) {
        let trips = match self.trips {
            None => Trips {
                usual: trip,
                deviation: trip / 2,
                least: trip,
            },
            Some(trips) => Trips {
                usual: (trips.usual * 7 + trip) / 8,
                deviation: (trips.deviation * 3 + trips.usual.abs_diff(trip)) / 4,
                least: trips.least.min(trip),
            },
        };
        self.trips = Some(trips);
        self.usual = (trips.usual + trips.deviation * 4).clamp(LEAST, self.most);
    }
}

/// A block whose answer is waited for, to know how long that takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) block: u64,
    pub(super) sent: Duration,
    pub(super) again: bool, // was sent before
}

impl Timed {
    pub(super) fn new(block: u64, sent: Duration) -> Self {
        Self {
            block,
            sent,
            again: false,
        }
    }
}

const FIRST: Duration = Duration::from_millis(250); // most networks are faster
const LEAST: Duration = Duration::from_millis(20); // a busy peer may need as much to get its turn
const MOST: Duration = Duration::from_secs(2); // whoever comes back should not wait for long
const TRIES: u32 = 5;
const QUICK_TRIES: u32 = 3; // before it gives way
const TURN: Duration = Duration::from_secs(6); // most clients say it again after five
const PATIENCE: Duration = Duration::from_secs(25); // some clients pause, to write what they have
const AMBIGUOUS_MOST: u32 = 8;
