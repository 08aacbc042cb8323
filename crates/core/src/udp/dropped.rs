//! Datagrams that went no further, and why.

use std::fmt;

use tracing::debug;

use crate::limits::stats::{Count, State};

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// It came from port 0, where no answer arrives.
    FromNoPort,
    /// It came from the port of a service that answers.
    FromService,
    /// It came from a socket of this server.
    FromOurselves,
    /// It came from an address that is nobody's.
    FromNobody,
    /// It was sent to more than one machine.
    ToMany,
    /// The server is stopping.
    Stopping,
    /// The one before is still being answered.
    Busy,
    /// Its host began as many conversations as it may in the time.
    TooOften,
    /// Its host has as many conversations as it may have.
    Refused,
    /// No port can be had for its conversation.
    NoPort,
    /// The answer is more than may be sent to an address that may be forged.
    OverMeasure,
    /// The answer is one more than may be sent in the time.
    OverRate,
    /// What is posted is more than waits for it.
    Behind,
    /// The system does not send the answer.
    Unsendable,
}

/// How many datagrams were dropped, by reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drops {
    by_reason: [u64; REASONS.len()],
    state: State,
}

impl Drops {
    /// They are counted in `state` as well.
    pub(crate) fn new(state: State) -> Self {
        Self {
            by_reason: [0; REASONS.len()],
            state,
        }
    }

    /// One was dropped, which came from or was for `peer`.
    pub(crate) fn count(&mut self, reason: Dropped, peer: impl fmt::Display) {
        self.by_reason[reason as usize] += 1;
        self.state.count(Count::Dropped, 1);
        debug!(%peer, "dropped: {reason}");
    }

    /// How many were dropped for this reason.
    #[cfg(test)]
    pub(crate) fn of(&self, reason: Dropped) -> u64 {
        self.by_reason[reason as usize]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_reason.iter().all(|&count| count == 0)
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FromNoPort => "from port 0",
            Self::FromService => "from the port of a service",
            Self::FromOurselves => "from this server, or one like it",
            Self::FromNobody => "from nobody's address",
            Self::ToMany => "sent to many",
            Self::Stopping => "the server is stopping",
            Self::Busy => "the one before is still being answered",
            Self::TooOften => "from a host that comes too often",
            Self::Refused => "refused",
            Self::NoPort => "no port for a conversation",
            Self::OverMeasure => "the answer is over the measure",
            Self::OverRate => "the answer is over the rate",
            Self::Behind => "more is posted than waits for one peer",
            Self::Unsendable => "the answer cannot be sent",
        })
    }
}

/// As in `12 over the measure, 3 sent to many`.
impl fmt::Display for Drops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = REASONS
            .iter()
            .zip(self.by_reason)
            .filter(|(_, count)| 0 < *count);
        for (place, (reason, count)) in counted.enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {reason}")?;
        }
        Ok(())
    }
}

const REASONS: [Dropped; 14] = [
    Dropped::FromNoPort,
    Dropped::FromService,
    Dropped::FromOurselves,
    Dropped::FromNobody,
    Dropped::ToMany,
    Dropped::Stopping,
    Dropped::Busy,
    Dropped::TooOften,
    Dropped::Refused,
    Dropped::NoPort,
    Dropped::OverMeasure,
    Dropped::OverRate,
    Dropped::Behind,
    Dropped::Unsendable,
];
