//! When to retransmit, and when to give up.

use std::time::Duration;

use crate::tftp::error::TransferError;
use crate::tftp::options::Negotiated;

/// The retransmission timer of one side of a transfer.
///
/// The timeout follows from measured round-trip times as in TCP (RFC 6298), with a smaller minimum,
/// since a retransmission costs little here. Retransmitted packets are not measured (Karn's
/// algorithm).
#[derive(Debug)]
pub(super) struct RetransmitTimer {
    factor: u32,       // multiplies each wait
    is_yielding: bool, // after a few retries
    min: Duration,     // of `initial`: the negotiated timeout, if any
    initial: Duration, // the wait before the first retry
    wait: Duration,    // the current one
    max: Duration,     // of `initial` and of exponential backoff
    round_trips: Option<RoundTrips>,
    unmeasured: u32, // answers in a row without a round-trip time
    retries: u32,    // since the last progress
    progress_at: Duration,
    sent_at: Duration,
    deadline: Duration,
    is_answered: bool,
    is_trusted: bool, // the address of the request is not forged
}

/// Measured round-trip times.
#[derive(Clone, Copy, Debug)]
struct RoundTrips {
    smoothed: Duration,
    deviation: Duration,
    min: Duration,
}

impl RetransmitTimer {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            factor: 1,
            is_yielding: false,
            min: MIN,
            initial: INITIAL,
            wait: INITIAL,
            max: MAX,
            round_trips: None,
            unmeasured: 0,
            retries: 0,
            progress_at: now,
            sent_at: now,
            deadline: now + INITIAL,
            is_answered: false,
            is_trusted: false,
        }
    }

    /// For a server whose first packet is an option acknowledgement or not.
    pub(super) fn of_server(negotiated: &Negotiated, is_option_ack: bool, now: Duration) -> Self {
        let mut timer = Self::new(now).negotiated(negotiated.timeout);
        if is_option_ack {
            // The client repeats its request by itself, and some fail on a second option
            // acknowledgement.
            timer.wait = timer.wait.max(YIELD);
        }
        timer
    }

    /// From now on waits twice as long, so that the peer retransmits first; or as long as was
    /// negotiated.
    pub(super) fn double(&mut self) {
        self.factor = if self.min == MIN { 2 } else { 1 };
    }

    /// Ends the current yielding: the peer is sending.
    pub(super) fn stop_yielding(&mut self, now: Duration) {
        if self.max < self.wait {
            self.wait = self.initial;
            self.restart(now);
        }
    }

    /// For the transfer, with the timeout if one was negotiated; ends [`double`](Self::double).
    ///
    /// After a few retries without effect, it waits long enough for the peer to retransmit. Some clients
    /// restart their timer with each packet, and would never get that far otherwise.
    pub(super) fn negotiated(mut self, timeout: Option<Duration>) -> Self {
        self.factor = 1;
        self.is_yielding = true;
        if let Some(timeout) = timeout {
            self.min = timeout;
            self.initial = timeout;
            self.wait = timeout;
            self.max = MAX.max(timeout);
        }
        self
    }

    /// A packet was sent: the wait begins now.
    pub(super) fn sent(&mut self, now: Duration) {
        self.sent_at = now;
        self.restart(now);
    }

    fn restart(&mut self, now: Duration) {
        self.deadline = now + self.wait * self.factor;
        if !self.is_answered {
            self.deadline = self.deadline.min(self.progress_at + PATIENCE);
        }
    }

    /// A new answer arrived; `round_trip` is its time if it is unambiguous.
    pub(super) fn progress(&mut self, round_trip: Option<Duration>, now: Duration) {
        self.unmeasured = match round_trip {
            Some(round_trip) => {
                self.measure(round_trip);
                0
            }
            None => self.unmeasured + 1,
        };
        self.advance(now);
        if self.unmeasured.is_multiple_of(MAX_UNMEASURED) {
            // The round trip may have grown so long that all is retransmitted and nothing measured.
            // So wait longer once, and each time much longer.
            let factor = 4_u32.saturating_pow(self.unmeasured / MAX_UNMEASURED);
            self.wait = self.initial.saturating_mul(factor).min(self.max);
            self.restart(now);
        }
    }

    /// More of the same answer arrived.
    pub(super) fn advance(&mut self, now: Duration) {
        self.is_answered = true;
        self.retries = 0;
        self.progress_at = now;
        self.wait = self.initial;
        self.restart(now);
    }

    /// Whether the deadline has passed, so that the same is to be sent again. That sets a new deadline.
    /// Fails with [`TransferError::Timeout`] after too many retries.
    pub(super) fn has_expired(&mut self, now: Duration) -> Result<bool, TransferError> {
        if now < self.deadline {
            return Ok(false);
        }
        let is_exhausted = MAX_RETRIES <= self.retries;
        if is_exhausted && (!self.is_answered || self.progress_at + PATIENCE <= now) {
            return Err(TransferError::Timeout);
        }
        self.check_patience(now)?;
        self.retries += 1;
        self.wait = if self.is_yielding && QUICK_RETRIES < self.retries {
            YIELD.max(self.max) / self.factor
        } else if self.max < self.wait {
            self.initial // the first packet yielded already
        } else {
            (self.wait * 2).min(self.max)
        };
        self.restart(now);
        Ok(true)
    }

    /// Fails with [`TransferError::Timeout`] if packets of the peer have brought no progress for too
    /// long. Those that repeat the same would otherwise keep the transfer open without end.
    pub(super) fn check_patience(&self, now: Duration) -> Result<(), TransferError> {
        let patience = if self.is_answered {
            PATIENCE.max(self.max * (MAX_RETRIES + 1))
        } else {
            PATIENCE
        };
        if self.progress_at + patience <= now {
            return Err(TransferError::Timeout);
        }
        Ok(())
    }

    /// Whether an answer to a request may be sent again although the peer neither answered it nor
    /// repeated its request. The address of the request may be forged.
    pub(super) fn may_repeat_answer(&self) -> bool {
        self.may_repeat_block() || self.retries <= UNANSWERED_RETRIES
    }

    /// The same for a first block, which is longer than the request.
    pub(super) fn may_repeat_block(&self) -> bool {
        self.is_answered || self.is_trusted
    }

    /// The address of the request is not forged.
    pub(super) fn trust_peer(&mut self) {
        self.is_trusted = true;
    }

    /// Whether the answer to a request that is repeated now is to be sent again: not if it was sent just
    /// before.
    pub(super) fn should_answer_again(&self, now: Duration) -> bool {
        !self.is_answered && self.sent_at + INITIAL <= now
    }

    /// Whether the peer has answered at all.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether something was retransmitted since the last progress.
    pub(super) fn has_retried(&self) -> bool {
        0 < self.retries
    }

    /// Whether an answer that arrives now is faster than any before, so that it answers an earlier
    /// packet than the one `sent` then.
    pub(super) fn is_too_soon(&self, sent: Duration, now: Duration) -> bool {
        self.round_trips
            .is_some_and(|trips| now.saturating_sub(sent) < trips.min / 2)
    }

    /// Whether an answer to what was `sent` then should have arrived by now.
    pub(super) fn is_late(&self, sent: Duration, now: Duration) -> bool {
        let usual = self.round_trips.map_or(INITIAL, |trips| trips.smoothed);
        sent + usual <= now
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    fn measure(&mut self, trip: Duration) {
        let trips = match self.round_trips {
            None => RoundTrips {
                smoothed: trip,
                deviation: trip / 2,
                min: trip,
            },
            Some(trips) => RoundTrips {
                smoothed: (trips.smoothed * 7 + trip) / 8,
                deviation: (trips.deviation * 3 + trips.smoothed.abs_diff(trip)) / 4,
                min: trips.min.min(trip),
            },
        };
        self.round_trips = Some(trips);
        self.initial = (trips.smoothed + trips.deviation * 4).clamp(self.min, self.max);
    }
}

const INITIAL: Duration = Duration::from_millis(250); // most networks are faster
const MIN: Duration = Duration::from_millis(20); // a busy peer may need as long to be scheduled
const MAX: Duration = Duration::from_secs(2); // so that a peer that is back does not wait long
const MAX_RETRIES: u32 = 5;
const UNANSWERED_RETRIES: u32 = 2;
const QUICK_RETRIES: u32 = 3; // before it yields
const YIELD: Duration = Duration::from_secs(6); // most clients retransmit after five seconds
const PATIENCE: Duration = Duration::from_secs(25); // some clients pause to write to their disk
const MAX_UNMEASURED: u32 = 8;
