//! Who may come in: the caps on conversations at the same time, and who is there.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::unistd::Pid;

use crate::limits::limits::Limits;
use crate::limits::stats::{Count, Meter, Meters, State};
use crate::peer::{Host, Peer};
use crate::session::service::Refusal;

/// Counts the conversations held, in all and per host.
#[derive(Debug)]
pub(crate) struct Admission {
    clients: usize,
    clients_per_host: Option<usize>,
    state: State,
    held: Arc<Mutex<Held>>,
}

/// One conversation's place. Dropping it frees the place, whatever became of the conversation.
#[derive(Debug)]
pub(crate) struct Slot {
    number: usize,
    owner: u32, // the process whose conversation it is; a forked child has a copy
    meter: Meter,
    state: State,
    held: Arc<Mutex<Held>>,
}

/// Kept close together, and not touched without need: what is written here while conversations are
/// held by forked processes is copied for each of them.
#[derive(Debug)]
struct Held {
    places: Vec<Option<Place>>,
    free: Vec<usize>,              // places that nobody has
    by_host: HashMap<Host, usize>, // where there is a limit
    meters: Meters,
}

#[derive(Debug)]
struct Place {
    peer: Peer,
    pid: Option<Pid>,
    began: Instant,
    meter: Meter,
}

impl Admission {
    /// # Errors
    ///
    /// No memory.
    pub(crate) fn new(limits: &Limits, state: State) -> io::Result<Self> {
        Ok(Self::with(limits, state, Meters::new(limits.clients)?))
    }

    /// For rehearsals, of which nobody asks what they are doing.
    pub(crate) fn uncounted(limits: &Limits) -> Self {
        Self::with(limits, State::uncounted(), Meters::unread())
    }

    fn with(limits: &Limits, state: State, meters: Meters) -> Self {
        let held = Held {
            places: Vec::new(),
            free: Vec::new(),
            by_host: HashMap::new(),
            meters,
        };
        Self {
            clients: limits.clients,
            clients_per_host: limits.clients_per_host,
            state,
            held: Arc::new(Mutex::new(held)),
        }
    }

    /// What counts for it.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Whether no further peer should be accepted: it waits better in the backlog than in front of
    /// a closed door.
    pub(crate) fn is_full(&self) -> bool {
        self.clients <= self.len()
    }

    /// How many conversations there are.
    pub(crate) fn len(&self) -> usize {
        let held = lock(&self.held);
        held.places.len() - held.free.len()
    }

    /// A place for `peer`.
    ///
    /// # Errors
    ///
    /// The words for a host that has as many conversations as one may have.
    pub(crate) fn admit(&self, peer: &Peer) -> Result<Slot, Refusal> {
        let host = peer.remote.host();
        let mut held = lock(&self.held);
        if let Some(most) = self.clients_per_host {
            let here = held.by_host.entry(host).or_default();
            if most <= *here {
                self.state.count(Count::RefusedHost, 1);
                let words = format!(
                    "Too many conversations with {host} at the same time: at most {most}. Try again later."
                );
                return Err(Refusal(words.into()));
            }
            *here += 1;
        }
        let number = held.free.pop().unwrap_or_else(|| {
            held.places.push(None);
            held.places.len() - 1
        });
        let meter = held.meters.of(number);
        held.places[number] = Some(Place {
            peer: peer.clone(),
            pid: None,
            began: Instant::now(),
            meter,
        });
        self.state.enter();
        Ok(Slot {
            number,
            owner: std::process::id(),
            meter,
            state: self.state,
            held: Arc::clone(&self.held),
        })
    }

    /// Tells of each conversation.
    pub(crate) fn tell(&self) {
        let held = lock(&self.held);
        let mut places: Vec<&Place> = held.places.iter().flatten().collect();
        places.sort_by_key(|place| place.began);
        for place in places {
            let Place {
                peer,
                pid,
                began,
                meter,
            } = place;
            self.state.tell_session(peer, *pid, *began, *meter);
        }
    }
}

impl Slot {
    /// Its conversation is held by this process.
    pub(crate) fn runs_as(&self, pid: Pid) {
        if let Some(place) = &mut lock(&self.held).places[self.number] {
            place.pid = Some(pid);
        }
    }

    /// Its conversation has moved so many bytes more.
    pub(crate) fn moved(&self, received: u64, sent: u64) {
        self.meter.count(received, sent);
        self.state.count(Count::Received, received);
        self.state.count(Count::Sent, sent);
    }

    /// Counts how its conversation went.
    pub(crate) fn count(&self, what: Count) {
        self.state.count(what, 1);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            return;
        }
        let mut held = lock(&self.held);
        let Some(place) = held.places[self.number].take() else {
            return;
        };
        held.free.push(self.number);
        self.state.leave();
        let host = place.peer.remote.host();
        if let Some(here) = held.by_host.get_mut(&host) {
            *here -= 1;
            if *here == 0 {
                held.by_host.remove(&host);
            }
        }
    }
}

/// Counts stay true through a panic elsewhere, so a poisoned lock is as good as any.
fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn admission(clients: usize, clients_per_host: Option<usize>) -> Admission {
        let limits = Limits {
            clients,
            clients_per_host,
            ..Limits::default()
        };
        let state = State::new(Reporting::default()).expect("there is memory");
        Admission::new(&limits, state).expect("there is memory")
    }

    #[test]
    fn a_slot_frees_its_place() {
        let admission = admission(2, None);
        let first = admission.admit(&peer("192.0.2.1"));
        assert!(!admission.is_full());
        let second = admission.admit(&peer("192.0.2.1"));
        assert!(admission.is_full());
        drop(first);
        assert!(!admission.is_full());
        drop(second);
        assert!(
            lock(&admission.held).by_host.is_empty(),
            "hosts that left are forgotten"
        );
    }

    #[test]
    fn one_host_cannot_take_every_place() {
        let admission = admission(10, Some(2));
        let _held: Vec<_> = (0..2)
            .map(|_| admission.admit(&peer("192.0.2.1")))
            .collect();
        let refusal = admission
            .admit(&peer("192.0.2.1"))
            .expect_err("the third is one too many");
        assert_eq!(
            refusal.0,
            "Too many conversations with 192.0.2.1 at the same time: at most 2. Try again later."
        );
        assert!(admission.admit(&peer("192.0.2.2")).is_ok());
        assert!(admission.admit(&Peer::stdio()).is_ok());
    }
}
