//! Admission control: the caps on sessions at the same time, and the table of open sessions.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::unistd::Pid;

use crate::limits::limits::Limits;
use crate::limits::stats::{ByteCounters, Counter, Stats, byte_counters};
use crate::peer::{Host, Peer};

/// Counts the open sessions, in total and per host.
#[derive(Debug)]
pub(crate) struct Admission {
    max_clients: usize,
    max_clients_per_host: Option<usize>,
    stats: Stats,
    table: Arc<Mutex<Table>>,
}

/// One session's entry in the table. Dropping it frees the entry, however the session ended.
#[derive(Debug)]
pub(crate) struct Slot {
    index: usize,
    owner: u32, // the process that frees the entry; a forked child has a copy
    bytes: Option<&'static ByteCounters>,
    stats: Stats,
    table: Arc<Mutex<Table>>,
}

/// A host has as many sessions as it may have.
#[derive(Debug, thiserror::Error)]
#[error("Too many sessions from {host}: at most {limit} at the same time. Try again later.")]
pub(crate) struct HostLimitReached {
    host: Host,
    limit: usize,
}

/// Kept compact, and written only when necessary: what is written here while children run is copied
/// for each of them.
#[derive(Debug)]
struct Table {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,               // the indices of empty entries
    by_host: HashMap<Host, usize>,  // used only where there is a limit
    bytes: &'static [ByteCounters], // of the entries of the same indices; further ones have none
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    pid: Option<Pid>,
    began: Instant,
    bytes: Option<&'static ByteCounters>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits, stats: Stats) -> io::Result<Self> {
        // Over UDP, a session begins before one at the cap is evicted for it.
        let sessions = limits.max_clients.saturating_add(1);
        Ok(Self::with(limits, stats, byte_counters(sessions)?))
    }

    /// For tests, which do not read the counters.
    pub(crate) fn uncounted(limits: &Limits) -> Self {
        Self::with(limits, Stats::uncounted(), &[])
    }

    fn with(limits: &Limits, stats: Stats, bytes: &'static [ByteCounters]) -> Self {
        let table = Table {
            entries: Vec::new(),
            free: Vec::new(),
            by_host: HashMap::new(),
            bytes,
        };
        Self {
            max_clients: limits.max_clients,
            max_clients_per_host: limits.max_clients_per_host,
            stats,
            table: Arc::new(Mutex::new(table)),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether the cap is reached. Then no peer is accepted, and the next ones wait in the backlog.
    pub(crate) fn is_full(&self) -> bool {
        self.max_clients <= self.len()
    }

    /// The number of open sessions.
    pub(crate) fn len(&self) -> usize {
        let table = lock(&self.table);
        table.entries.len() - table.free.len()
    }

    /// Counts a session with `peer`, until the slot is dropped.
    ///
    /// # Errors
    ///
    /// The host of the peer has as many sessions as it may have. The error is the message for it.
    pub(crate) fn admit(&self, peer: &Peer) -> Result<Slot, HostLimitReached> {
        let host = peer.remote.host();
        let mut table = lock(&self.table);
        if let Some(limit) = self.max_clients_per_host {
            let count = table.by_host.entry(host).or_default();
            if limit <= *count {
                self.stats.count(Counter::RefusedHost, 1);
                return Err(HostLimitReached { host, limit });
            }
            *count += 1;
        }
        let index = table.free.pop().unwrap_or_else(|| {
            table.entries.push(None);
            table.entries.len() - 1
        });
        let bytes = table.bytes.get(index);
        for count in bytes.into_iter().flatten() {
            count.store(0, Ordering::Relaxed);
        }
        table.entries[index] = Some(Entry {
            peer: peer.clone(),
            pid: None,
            began: Instant::now(),
            bytes,
        });
        self.stats.session_opened();
        Ok(Slot {
            index,
            owner: std::process::id(),
            bytes,
            stats: self.stats,
            table: Arc::clone(&self.table),
        })
    }

    pub(crate) fn report(&self) {
        let table = lock(&self.table);
        let mut entries: Vec<&Entry> = table.entries.iter().flatten().collect();
        entries.sort_by_key(|entry| entry.began);
        for entry in entries {
            self.stats
                .report_session(&entry.peer, entry.pid, entry.began, entry.bytes);
        }
    }
}

impl Slot {
    /// Records the process that runs the session.
    pub(crate) fn set_pid(&self, pid: Pid) {
        if let Some(entry) = &mut lock(&self.table).entries[self.index] {
            entry.pid = Some(pid);
        }
    }

    /// Counts bytes that the session received and sent.
    pub(crate) fn count_bytes(&self, received: u64, sent: u64) {
        if let Some(bytes) = self.bytes {
            bytes[0].fetch_add(received, Ordering::Relaxed);
            bytes[1].fetch_add(sent, Ordering::Relaxed);
        }
        self.stats.count(Counter::Received, received);
        self.stats.count(Counter::Sent, sent);
    }

    pub(crate) fn count(&self, counter: Counter) {
        self.stats.count(counter, 1);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            return;
        }
        let mut table = lock(&self.table);
        let Some(entry) = table.entries[self.index].take() else {
            return;
        };
        table.free.push(self.index);
        self.stats.session_closed();
        let host = entry.peer.remote.host();
        if let Some(count) = table.by_host.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                table.by_host.remove(&host);
            }
        }
    }
}

/// No code panics between two writes that belong together, so a poisoned lock is usable.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::limits::stats::Reporting;
    use crate::peer::{Address, Transport};

    fn peer(address: &str) -> Peer {
        let remote = Address::Ip(SocketAddr::new(address.parse().expect("an address"), 5000));
        Peer::new(remote, Address::Stdio, Transport::Stream)
    }

    fn admission(max_clients: usize, max_clients_per_host: Option<usize>) -> Admission {
        let limits = Limits {
            max_clients,
            max_clients_per_host,
            ..Limits::default()
        };
        let stats = Stats::new(Reporting::default()).expect("there is memory");
        Admission::new(&limits, stats).expect("there is memory")
    }

    #[test]
    fn dropping_a_slot_frees_its_entry() {
        let admission = admission(2, None);
        let first = admission.admit(&peer("192.0.2.1"));
        assert!(!admission.is_full());
        let second = admission.admit(&peer("192.0.2.1"));
        assert!(admission.is_full());
        drop(first);
        assert!(!admission.is_full());
        drop(second);
        assert!(
            lock(&admission.table).by_host.is_empty(),
            "hosts without sessions are removed"
        );
    }

    #[test]
    fn a_session_above_the_cap_does_not_reset_the_counters_of_another() {
        let admission = admission(1, None);
        let admit = || {
            admission
                .admit(&peer("192.0.2.1"))
                .expect("no limit per host")
        };
        let slots = [admit(), admit(), admit()];
        slots.iter().for_each(|slot| slot.count_bytes(5, 7));
        let _further = admit();
        let counted = slots.each_ref().map(|slot| {
            let bytes = slot.bytes?.each_ref();
            Some(bytes.map(|count| count.load(Ordering::Relaxed)))
        });
        assert_eq!(counted, [Some([5, 7]), Some([5, 7]), None]);
    }

    #[test]
    fn one_host_cannot_use_every_slot() {
        let admission = admission(10, Some(2));
        let _slots: Vec<_> = (0..2)
            .map(|_| admission.admit(&peer("192.0.2.1")))
            .collect();
        let refusal = admission
            .admit(&peer("192.0.2.1"))
            .expect_err("the third exceeds the limit");
        assert_eq!(
            refusal.to_string(),
            "Too many sessions from 192.0.2.1: at most 2 at the same time. Try again later."
        );
        assert!(admission.admit(&peer("192.0.2.2")).is_ok());
        assert!(admission.admit(&Peer::stdio()).is_ok());
    }
}
