//! A value for each host, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::peer::Host;

/// A value for each host that was seen recently. Source addresses can be forged, so there may be any
/// number of hosts: the table has a capacity, and no call looks at all entries.
#[derive(Debug)]
pub(crate) struct HostTable<V> {
    capacity: usize,
    kept: Duration,
    values: HashMap<Host, V>,
    /// Each host once, with the time at which its entry may be removed, in ascending order.
    expiry: VecDeque<(Instant, Host)>,
}

impl<V> HostTable<V> {
    /// An entry is kept for at least the time `kept`, unless it is [removed](Self::remove_oldest).
    pub(crate) fn new(capacity: usize, kept: Duration) -> Self {
        Self {
            capacity,
            kept,
            values: HashMap::new(),
            expiry: VecDeque::new(),
        }
    }

    pub(crate) fn get_mut(&mut self, host: Host) -> Option<&mut V> {
        self.values.get_mut(&host)
    }

    /// The value of the host, or a `new` one; `None` if the table is full.
    pub(crate) fn get_or_insert(
        &mut self,
        host: Host,
        now: Instant,
        new: impl FnOnce() -> V,
    ) -> Option<&mut V> {
        if !self.values.contains_key(&host) {
            if self.is_full() {
                return None;
            }
            self.expiry.push_back((now + self.kept, host));
        }
        Some(self.values.entry(host).or_insert_with(new))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.capacity <= self.values.len()
    }

    /// Removes at most [`EXPIRED_PER_CALL`] expired entries. One that is `in_use` is kept for a further
    /// `kept` instead.
    pub(crate) fn remove_expired(&mut self, now: Instant, in_use: impl Fn(&V) -> bool) {
        for _ in 0..EXPIRED_PER_CALL {
            let Some(&(_, host)) = self.expiry.front().filter(|(at, _)| *at <= now) else {
                return;
            };
            self.expiry.pop_front();
            if self.values.get(&host).is_some_and(&in_use) {
                self.expiry.push_back((now + self.kept, host));
            } else {
                self.values.remove(&host);
            }
        }
    }

    /// Removes the entry that expires first.
    pub(crate) fn remove_oldest(&mut self) {
        if let Some((_, host)) = self.expiry.pop_front() {
            self.values.remove(&host);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.values.len(), self.expiry.len());
        self.values.len()
    }
}

const EXPIRED_PER_CALL: usize = 16; // more than a call adds, so that the table empties
