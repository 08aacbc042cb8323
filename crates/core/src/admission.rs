//! Who may come in: the caps on conversations at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::Limits;
use crate::peer::Host;
use crate::service::Refusal;

/// Counts the conversations held, in all and per host.
#[derive(Debug)]
pub(crate) struct Admission {
    clients: usize,
    clients_per_host: Option<usize>,
    held: Arc<Mutex<Held>>,
}

/// One conversation's place. Dropping it frees the place, whatever became of the conversation.
#[derive(Debug)]
pub(crate) struct Slot {
    host: Host,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_host: HashMap<Host, usize>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            clients: limits.clients,
            clients_per_host: limits.clients_per_host,
            held: Arc::default(),
        }
    }

    /// Whether no further peer should be accepted: it waits better in the backlog than in front of
    /// a closed door.
    pub(crate) fn is_full(&self) -> bool {
        self.clients <= lock(&self.held).total
    }

    /// A place for a peer from `host`.
    ///
    /// # Errors
    ///
    /// The words for a host that has as many conversations as one may have.
    pub(crate) fn admit(&self, host: Host) -> Result<Slot, Refusal> {
        let mut held = lock(&self.held);
        let here = held.by_host.get(&host).copied().unwrap_or(0);
        if let Some(most) = self.clients_per_host.filter(|&most| most <= here) {
            let words = format!(
                "Too many conversations with {host} at the same time: at most {most}. Try again later."
            );
            return Err(Refusal(words.into()));
        }
        held.total += 1;
        held.by_host.insert(host, here + 1);
        let held = Arc::clone(&self.held);
        Ok(Slot { host, held })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        held.total -= 1;
        if let Some(here) = held.by_host.get_mut(&self.host) {
            *here -= 1;
            if *here == 0 {
                held.by_host.remove(&self.host);
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
    use super::*;

    fn host(address: &str) -> Host {
        Host::Ip(address.parse().expect("an address"))
    }

    fn admission(clients: usize, clients_per_host: Option<usize>) -> Admission {
        let limits = Limits {
            clients,
            clients_per_host,
            ..Limits::default()
        };
        Admission::new(&limits)
    }

    #[test]
    fn a_slot_frees_its_place() {
        let admission = admission(2, None);
        let first = admission.admit(host("192.0.2.1"));
        assert!(!admission.is_full());
        let second = admission.admit(host("192.0.2.1"));
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
        let _held: Vec<_> = (0..2).map(|_| admission.admit(host("192.0.2.1"))).collect();
        let refusal = admission
            .admit(host("192.0.2.1"))
            .expect_err("the third is one too many");
        assert_eq!(
            refusal.0,
            "Too many conversations with 192.0.2.1 at the same time: at most 2. Try again later."
        );
        assert!(admission.admit(host("192.0.2.2")).is_ok());
        assert!(admission.admit(Host::Local).is_ok());
    }
}
