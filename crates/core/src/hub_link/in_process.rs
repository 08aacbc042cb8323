//! The hub in this process, which its threads share.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::hub::hub::{Hub, MemberId};
use crate::hub::message::{Notice, Request};
use crate::reactor::poll::Interest;
use crate::reactor::waker::Waker;
use crate::session::rooms::room_kinds;
use crate::session::service::Service;

/// The hub, and who is to be told that there is something to hear.
#[derive(Clone)]
pub(crate) struct SharedHub(Arc<Mutex<Inside>>);

struct Inside {
    hub: Hub,
    boxes: HashMap<MemberId, (u32, Arc<Mailbox>)>,
}

/// Where whoever holds a wire hears which of its members are to hear something.
struct Mailbox {
    waker: Waker,
    is_rung: AtomicBool,
    stirred: Mutex<Vec<(u32, MemberId)>>,
}

impl SharedHub {
    /// That of a service that has rooms.
    pub(crate) fn of(service: &Arc<dyn Service>) -> Option<Self> {
        service.rooms().is_some().then(|| {
            let (hub, boxes) = (Hub::new(room_kinds(Arc::clone(service))), HashMap::new());
            Self(Arc::new(Mutex::new(Inside { hub, boxes })))
        })
    }

    /// A new way to the hub, for one who comes now: member 0 has entered.
    ///
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(super) fn link(&self) -> io::Result<InProcessLink> {
        let mailbox = Arc::new(Mailbox {
            waker: Waker::new()?,
            is_rung: AtomicBool::new(false),
            stirred: Mutex::default(),
        });
        let id = lock(&self.0).enter(0, &mailbox, Instant::now());
        Ok(InProcessLink {
            hub: self.clone(),
            members: HashMap::from([(0, id)]),
            mailbox,
            stirred: VecDeque::new(),
        })
    }
}

/// A way to the hub in this process.
pub(crate) struct InProcessLink {
    hub: SharedHub,
    members: HashMap<u32, MemberId>,
    mailbox: Arc<Mailbox>,
    stirred: VecDeque<(u32, MemberId)>, // may have more to hear
}

impl InProcessLink {
    pub(crate) fn watched(&self, wanted: bool) -> (BorrowedFd<'_>, Interest) {
        let interest = if wanted {
            Interest::READ
        } else {
            Interest::Nothing
        };
        (self.mailbox.waker.as_fd(), interest)
    }

    pub(crate) fn send(&mut self, number: u32, requests: Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut inside = lock(&self.hub.0);
        let id = *self
            .members
            .entry(number)
            .or_insert_with(|| inside.enter(number, &self.mailbox, now));
        for request in requests {
            if request == Request::Disconnect {
                self.members.remove(&number);
                inside.boxes.remove(&id);
            }
            inside.hub.at(now).request(id, request);
        }
        inside.spread(Some(&self.mailbox));
    }

    pub(crate) fn next(&mut self) -> Option<(u32, Notice)> {
        if self.stirred.is_empty() {
            self.stirred.extend(self.mailbox.take());
        }
        while let Some(&(number, id)) = self.stirred.front() {
            let mut inside = lock(&self.hub.0);
            let notice = inside.hub.at(Instant::now()).next(id);
            inside.spread(Some(&self.mailbox)); // whoever waited for room may go on
            drop(inside);
            if let Some(notice) = notice {
                return Some((number, notice));
            }
            self.stirred.pop_front();
            if self.stirred.is_empty() {
                self.stirred.extend(self.mailbox.take());
            }
        }
        None
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        lock(&self.hub.0).hub.deadline()
    }

    pub(crate) fn tick(&self) {
        let mut inside = lock(&self.hub.0);
        inside.hub.at(Instant::now()).tick();
        inside.spread(None);
    }

    pub(crate) fn rearm(&self) {
        if !self.stirred.is_empty() || !lock(&self.mailbox.stirred).is_empty() {
            self.mailbox.ring();
        }
    }
}

impl Drop for InProcessLink {
    fn drop(&mut self) {
        let mut inside = lock(&self.hub.0);
        for id in mem::take(&mut self.members).into_values() {
            inside.boxes.remove(&id);
            inside.hub.disconnect(id);
        }
        inside.spread(None);
    }
}

impl Inside {
    /// One member more, who hears by this mailbox.
    fn enter(&mut self, number: u32, mailbox: &Arc<Mailbox>, now: Instant) -> MemberId {
        let id = self.hub.at(now).connect();
        self.boxes.insert(id, (number, Arc::clone(mailbox)));
        id
    }

    /// Tells those who have something to hear, but for `own`: who asks looks there anyway.
    fn spread(&mut self, own: Option<&Arc<Mailbox>>) {
        for id in self.hub.take_ready() {
            if let Some((number, mailbox)) = self.boxes.get(&id) {
                lock(&mailbox.stirred).push((*number, id));
                if own.is_none_or(|own| !Arc::ptr_eq(own, mailbox)) {
                    mailbox.ring();
                }
            }
        }
    }
}

impl Mailbox {
    fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Those who are to hear something, since the last look.
    fn take(&self) -> Vec<(u32, MemberId)> {
        if self.is_rung.load(Ordering::Acquire) {
            // Silenced before it may be rung again.
            self.waker.clear();
            self.is_rung.store(false, Ordering::Release);
        }
        mem::take(&mut lock(&self.stirred))
    }
}

/// A panic elsewhere leaves nothing half done that another could not go on with.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
