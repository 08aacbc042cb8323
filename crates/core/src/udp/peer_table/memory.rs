//! Whom to forget: those who were silent for longest.

use std::collections::hash_map::Entry;
use std::time::Instant;

use tracing::debug;

use crate::session::close_reason::CloseReason;
use crate::udp::peer::Pair;
use crate::udp::peer_table::Correspondence;

impl Correspondence {
    /// Forgets those who were silent for longest, until one more can be remembered.
    pub(super) fn make_room(&mut self, now: Instant) {
        while self.desk.limits.clients <= self.peers.len()
            && let Some((_, pair)) = self.quietest(now)
        {
            debug!(peer = %pair.0, "silent for longest: makes room");
            self.forget(pair, CloseReason::Aborted, now);
        }
    }

    /// Who was silent for longest, and since when. Each look that finds somebody at a wrong place
    /// was paid for by a datagram that came since.
    pub(super) fn quietest(&mut self, now: Instant) -> Option<(Instant, Pair)> {
        loop {
            let &(stood, pair) = self.quiet.first()?;
            let known = self.peers.get_mut(&pair);
            let known = known.expect("who is forgotten is not looked for");
            let heard = known.correspondent.heard(now);
            if heard == stood {
                return Some((heard, pair));
            }
            self.quiet.pop_first();
            self.quiet.insert((heard, pair));
            known.quiet = heard;
        }
    }

    pub(super) fn forget(&mut self, pair: Pair, ended: CloseReason, now: Instant) {
        let Entry::Occupied(known) = self.peers.entry(pair) else {
            return;
        };
        let mut known = known.remove();
        known.correspondent.end(ended, &mut self.desk, now);
        self.close_port(pair);
        self.quiet.remove(&(known.quiet, pair));
        if let Some(due) = known.due {
            self.due.remove(&(due, pair));
        }
    }
}
