//! How many programs run for peers whose addresses may be forged.

use std::collections::HashMap;

use crate::limits::limits::Limits;
use crate::peer::{Address, Host};
use crate::udp::recv_batch::PeerKey;

/// Counts the programs that run for unverified peers, in total and per host. Those of verified peers
/// have the rest of [`Limits::max_clients`].
pub(crate) struct UnverifiedPrograms {
    max: usize,
    running: usize,
    by_host: HashMap<Host, usize>,
}

/// Identifies a program in its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobKey {
    pub(crate) peer: PeerKey,
    /// Whether it is counted here.
    pub(crate) is_unverified: bool,
}

impl UnverifiedPrograms {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            max: limits.max_clients.div_ceil(2).min(MAX_PROGRAMS),
            running: 0,
            by_host: HashMap::new(),
        }
    }

    /// Counts a program for `peer`, unless too many run already; returns whether it may start.
    pub(crate) fn start(&mut self, peer: PeerKey) -> bool {
        if self.max <= self.running {
            return false;
        }
        let of_host = self.by_host.entry(host(peer)).or_default();
        if MAX_PER_HOST <= *of_host {
            return false;
        }
        *of_host += 1;
        self.running += 1;
        true
    }

    /// A program that was counted has ended.
    pub(crate) fn end(&mut self, peer: PeerKey) {
        let host = host(peer);
        self.running -= 1;
        if let Some(of_host) = self.by_host.get_mut(&host) {
            *of_host -= 1;
            if *of_host == 0 {
                self.by_host.remove(&host);
            }
        }
    }
}

fn host((remote, _): PeerKey) -> Host {
    Address::from(remote).host()
}

const MAX_PROGRAMS: usize = 64;
const MAX_PER_HOST: usize = 16;
