//! A peer whose conversation could not begin.

use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::server::worker::{Arrived, Unbegun};

/// A peer whose conversation could not begin, until it is tried again. Others wait behind it.
pub(crate) struct Waiting {
    pub(crate) arrived: Arrived,
    pub(crate) failures: u32,
    pub(crate) retry_at: Instant,
}

impl Waiting {
    /// Waits for another try, after `failures` others.
    ///
    /// # Errors
    ///
    /// It was tried often enough: the peer is given back.
    pub(crate) fn after(unbegun: Unbegun, deed: &str, failures: u32) -> Result<Self, Box<Arrived>> {
        let Unbegun { arrived, error } = unbegun;
        let peer = &arrived.peer;
        let failures = failures + 1;
        if failures == TRIES {
            warn!(%peer, "refuse: cannot {deed}: {error}");
            return Err(Box::new(arrived));
        }
        if failures == 1 {
            warn!(%peer, "cannot {deed}: {error}; trying again");
        } else {
            debug!(%peer, "cannot {deed}: {error}; trying again");
        }
        Ok(Self {
            arrived,
            failures,
            retry_at: Instant::now() + PAUSE,
        })
    }
}

// Two seconds in all: a shortage of processes that lasts longer is worth telling the peer.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
