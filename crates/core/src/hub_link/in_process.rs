//! The hub in this process, shared by threads.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::hub::hub::Hub;
use crate::hub::message::{HubMessage, Request};
use crate::hub::types::MemberId;
use crate::hub_link::link::{HubLink, HubLost, Link};
use crate::reactor::poll::Interest;
use crate::reactor::waker::Waker;
use crate::session::connection::room_kinds;
use crate::session::service::Service;

/// A hub, shared by threads.
#[derive(Clone)]
pub(crate) struct SharedHub(Arc<Mutex<LocalHub>>);

/// Each member has a number on its link, and the mailbox of the link.
type LocalHub = Hub<(u32, Arc<Mailbox>)>;

/// The members of one link that have messages.
struct Mailbox {
    waker: Waker,
    state: Mutex<MailboxState>,
}

#[derive(Default)]
struct MailboxState {
    ready: Vec<(u32, MemberId)>,
    /// Whether the waker is set. The waker changes only while this is locked: if it could be set after
    /// another thread has cleared the flag, its descriptor would stay ready for ever.
    is_awake: bool,
}

impl SharedHub {
    /// The hub for a service with rooms.
    pub(crate) fn of(service: &Arc<dyn Service>) -> Option<Self> {
        service.rooms()?;
        let hub = Hub::new(room_kinds(Arc::clone(service)));
        Some(Self(Arc::new(Mutex::new(hub))))
    }

    /// A new link, whose member 0 is connected.
    pub(crate) fn link(&self) -> io::Result<Link> {
        let mailbox = Arc::new(Mailbox {
            waker: Waker::new()?,
            state: Mutex::default(),
        });
        let owner = (0, Arc::clone(&mailbox));
        let id = lock(&self.0).at(Instant::now()).connect(owner);
        Ok(Box::new(InProcessLink {
            hub: self.clone(),
            members: HashMap::from([(0, id)]),
            mailbox,
            ready: VecDeque::new(),
        }))
    }
}

/// A link to the hub in this process.
struct InProcessLink {
    hub: SharedHub,
    members: HashMap<u32, MemberId>,
    mailbox: Arc<Mailbox>,
    ready: VecDeque<(u32, MemberId)>, // taken from the mailbox
}

impl HubLink for InProcessLink {
    fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        let interest = if wanted {
            Interest::READ
        } else {
            Interest::Nothing
        };
        (self.mailbox.waker.as_fd(), interest)
    }

    fn send(&mut self, number: u32, requests: Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        let mut hub = lock(&self.hub.0);
        hub.at(Instant::now());
        let id = self.members.entry(number);
        let id = *id.or_insert_with(|| hub.connect((number, Arc::clone(&self.mailbox))));
        for request in requests {
            if request == Request::Disconnect {
                self.members.remove(&number);
            }
            hub.request(id, request);
        }
        distribute(&mut hub, Some(&self.mailbox));
    }

    fn next(&mut self) -> Result<Option<(u32, HubMessage)>, HubLost> {
        loop {
            if self.ready.is_empty() {
                self.ready.extend(self.mailbox.take());
            }
            let Some(&(number, id)) = self.ready.front() else {
                return Ok(None);
            };
            let mut hub = lock(&self.hub.0);
            let message = hub.at(Instant::now()).next(id);
            distribute(&mut hub, Some(&self.mailbox)); // a shorter queue unblocks others
            drop(hub);
            if let Some(message) = message {
                return Ok(Some((number, message)));
            }
            self.ready.pop_front();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        lock(&self.hub.0).deadline()
    }

    fn tick(&self) {
        let mut hub = lock(&self.hub.0);
        hub.at(Instant::now()).tick();
        distribute(&mut hub, None);
    }

    fn rearm(&self) {
        let mut state = lock(&self.mailbox.state);
        if !self.ready.is_empty() || !state.ready.is_empty() {
            state.wake(&self.mailbox.waker);
        }
    }
}

impl Drop for InProcessLink {
    fn drop(&mut self) {
        let mut hub = lock(&self.hub.0);
        self.members.values().for_each(|&id| hub.disconnect(id));
        distribute(&mut hub, None);
    }
}

/// Puts the members that have messages into their mailboxes, and wakes the owners of these; not that of
/// `own`, which is about to look anyway.
fn distribute(hub: &mut LocalHub, own: Option<&Arc<Mailbox>>) {
    for (id, (number, mailbox)) in hub.take_ready() {
        let mut state = lock(&mailbox.state);
        state.ready.push((number, id));
        if own.is_none_or(|own| !Arc::ptr_eq(own, &mailbox)) {
            state.wake(&mailbox.waker);
        }
    }
}

impl Mailbox {
    /// The members with messages since the last call.
    fn take(&self) -> Vec<(u32, MemberId)> {
        let mut state = lock(&self.state);
        if mem::take(&mut state.is_awake) {
            self.waker.clear();
        }
        mem::take(&mut state.ready)
    }
}

impl MailboxState {
    fn wake(&mut self, waker: &Waker) {
        if !mem::replace(&mut self.is_awake, true) {
            waker.wake();
        }
    }
}

/// Locks also after a panic of another thread, which leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;
    use std::thread;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::unistd::gettid;

    use super::*;

    #[test]
    fn a_mailbox_that_is_emptied_during_a_wake_up_does_not_stay_ready() {
        let mailbox = Mailbox {
            waker: Waker::new().expect("a descriptor is available"),
            state: Mutex::default(),
        };
        thread::scope(|scope| {
            // One thread has set the flag, and has not written to the waker yet.
            let mut state = lock(&mailbox.state);
            state.is_awake = true;
            let (sender, receiver) = mpsc::channel();
            let mailbox = &mailbox;
            let taking = scope.spawn(move || {
                sender.send(gettid()).expect("the other thread receives");
                mailbox.take();
            });
            let thread = receiver.recv().expect("the other thread sends");
            let is_waiting = || {
                let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
                stat.is_ok_and(|stat| stat.contains(") S "))
            };
            while !taking.is_finished() && !is_waiting() {
                thread::yield_now();
            }
            mailbox.waker.wake();
            drop(state);
        });
        let mut polled = [PollFd::new(mailbox.waker.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut polled, PollTimeout::ZERO), Ok(0));
        assert!(!lock(&mailbox.state).is_awake);
    }
}
