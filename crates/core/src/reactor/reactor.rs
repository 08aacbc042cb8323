//! The event loop for many sources, with epoll(7).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::reactor::poll::{Interest, earlier, timeout};
use crate::reactor::source::{EventSource, MAX_FDS, READ_BYTES};
use crate::reactor::turn::Turn;
use crate::sys::fd;

/// Event sources that one thread drives, and descriptors that its owner handles by itself.
///
/// The owner either [waits](Self::wait) and [dispatches](Self::dispatch), or waits for the
/// [descriptor](AsFd) of the reactor elsewhere and [polls](Self::poll) when that is ready. Idle
/// sources cost nothing.
pub(crate) struct Reactor {
    epoll: Epoll,
    sources: HashMap<SourceId, Entry>,
    next_id: SourceId,
    stopping: bool,
    /// The deadlines of the sources. An entry may be too early: it is checked when it is reached, not
    /// updated at every message.
    deadlines: BTreeSet<(Instant, SourceId)>,
    /// Descriptors of regular files, which are always ready and which epoll(7) refuses.
    always_ready: BTreeSet<(SourceId, usize)>,
    ready: Vec<EpollEvent>,  // not dispatched yet
    due: VecDeque<SourceId>, // of sources that are due, and of some that were removed
    buffer: Vec<u8>,         // for one read
}

/// Identifies a source in its reactor.
pub(crate) type SourceId = u64;

struct Entry {
    source: Box<dyn EventSource>,
    interests: [Option<Interest>; MAX_FDS],
    deadline: Option<Instant>, // its entry in `deadlines`
    is_listed: bool,           // in `due`
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            sources: HashMap::new(),
            next_id: 0,
            stopping: false,
            deadlines: BTreeSet::new(),
            always_ready: BTreeSet::new(),
            ready: Vec::new(),
            due: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Drives one more source.
    pub(crate) fn add(&mut self, mut source: Box<dyn EventSource>) -> SourceId {
        if self.stopping {
            source.stop(Instant::now());
        }
        let id = self.next_id;
        self.next_id += 1;
        let entry = Entry {
            source,
            interests: [None; MAX_FDS],
            deadline: None,
            is_listed: false,
        };
        self.sources.insert(id, entry);
        self.update(id);
        id
    }

    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    pub(crate) fn contains(&self, id: SourceId) -> bool {
        self.sources.contains_key(&id)
    }

    /// Drops a source without letting it finish.
    pub(crate) fn discard(&mut self, id: SourceId) {
        self.take(id);
    }

    /// Waits also for input at `fd`, which [`wait`](Self::wait) reports by its token.
    pub(crate) fn watch(&mut self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        Ok(self.epoll.add(fd, external(true, token))?)
    }

    /// Waits for an error or a hang-up of `fd`, which [`wait`](Self::wait) reports by its token.
    ///
    /// # Errors
    ///
    /// EPERM: it is a regular file or a similar one, which has neither.
    pub(crate) fn watch_errors(&mut self, fd: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        Ok(self.epoll.add(fd, external(false, token))?)
    }

    /// Pauses or resumes waiting at a descriptor given to [`watch`](Self::watch).
    pub(crate) fn set_watched(
        &mut self,
        fd: BorrowedFd<'_>,
        token: usize,
        watched: bool,
    ) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut external(watched, token))?)
    }

    /// Ends waiting at a descriptor given to [`watch`](Self::watch). This is necessary before it is
    /// closed: a copy in another process would keep it watched.
    pub(crate) fn unwatch(&mut self, fd: BorrowedFd<'_>) {
        self.epoll.delete(fd).ok(); // fails only where it is not watched
    }

    /// When sources have something to do, though no descriptor is ready.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let first = self.deadlines.first().map(|&(at, _)| at);
        let is_ready = !self.always_ready.is_empty() || !self.due.is_empty();
        earlier(first, is_ready.then_some(now))
    }

    /// Waits until a source or a watched descriptor is ready, or until the deadline. Adds the tokens
    /// of the watched descriptors that are ready to `tokens`; the sources are to be
    /// [dispatched](Self::dispatch).
    pub(crate) fn wait(
        &mut self,
        deadline: Option<Instant>,
        tokens: &mut Vec<usize>,
    ) -> io::Result<()> {
        let deadline = earlier(deadline, self.deadline(Instant::now()));
        match self.collect(timeout(deadline), tokens) {
            Err(Errno::EINTR) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Handles the sources that are ready now, without waiting.
    pub(crate) fn poll(&mut self, now: Instant) {
        // A reactor that is polled has no descriptors of its owner. After EINTR its descriptor is
        // still ready.
        self.collect(EpollTimeout::ZERO, &mut Vec::new()).ok();
        self.dispatch(now);
    }

    fn collect(&mut self, timeout: EpollTimeout, tokens: &mut Vec<usize>) -> nix::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_AT_ONCE];
        let count = self.epoll.wait(&mut events, timeout)?;
        for event in &events[..count] {
            match event.data().checked_sub(EXTERNAL) {
                None => self.ready.push(*event),
                Some(token) => tokens.push(token as usize),
            }
        }
        Ok(())
    }

    /// Handles the sources that the last [`wait`](Self::wait) found ready, and those whose deadline
    /// is not after `now`. Then lets those that are due continue for a while.
    pub(crate) fn dispatch(&mut self, now: Instant) {
        let broken = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
        let mut ready = mem::take(&mut self.ready);
        for event in ready.drain(..) {
            let (id, index) = (event.data() / MAX_FDS as u64, event.data() % MAX_FDS as u64);
            self.dispatch_one(id, index as usize, event.events().intersects(broken), now);
        }
        self.ready = ready; // keeps its capacity
        for (id, index) in self.always_ready.clone() {
            self.dispatch_one(id, index, false, now);
        }
        // A source may set a deadline that is past already. It is due in the next turn, so that others
        // are served before.
        let mut expired = mem::take(&mut self.deadlines);
        self.deadlines = expired.split_off(&(now, SourceId::MAX));
        for (_, id) in expired {
            if let Some(entry) = self.sources.get_mut(&id) {
                entry.deadline = None;
                entry.source.tick(now);
                self.update(id);
            }
        }
        if !self.due.is_empty() {
            self.resume_due();
        }
    }

    /// Resumes the sources that are due, round after round, until none is due or the time of a turn is
    /// used up.
    fn resume_due(&mut self) {
        let mut turn = Turn::new(Instant::now());
        loop {
            for _ in 0..self.due.len() {
                let Some(id) = self.due.pop_front() else {
                    break;
                };
                let Some(entry) = self.sources.get_mut(&id) else {
                    continue;
                };
                entry.source.resume(turn.calls, turn.now);
                if entry.source.is_due() && !entry.source.is_done() {
                    self.due.push_back(id);
                } else {
                    entry.is_listed = false;
                    self.update(id);
                }
            }
            if self.due.is_empty() {
                return;
            }
            if !turn.goes_on(Instant::now()) {
                break;
            }
        }
        for id in self.due.clone() {
            if let Some(entry) = self.sources.get_mut(&id) {
                entry.source.flush(turn.now);
                self.settle(id);
            }
        }
    }

    /// Stops all sources, and those that are added later.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopping = true;
        let mut ids: Vec<SourceId> = self.sources.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            if let Some(entry) = self.sources.get_mut(&id) {
                entry.source.stop(now);
                self.update(id);
            }
        }
    }

    /// Lets all sources report.
    pub(crate) fn report(&mut self) {
        let sources = self.sources.values_mut();
        sources.for_each(|entry| entry.source.report());
    }

    /// Drops all sources without letting them finish.
    pub(crate) fn clear(&mut self) {
        if !self.sources.is_empty() {
            self.sources.clear();
            self.deadlines.clear();
            self.always_ready.clear();
            self.due.clear();
        }
    }

    /// For a forked child: closes the descriptors of the sources, and forgets the sources. Dropping one
    /// could end the program that it supervises, and would write to memory that is shared until then.
    ///
    /// It changes nothing in the epoll instance, which the child shares with its parent.
    pub(crate) fn close_in_child(&mut self) {
        for entry in self.sources.values() {
            for (fd, _) in entry.source.watched().into_iter().flatten() {
                fd::close_forgotten(fd);
            }
        }
        mem::forget(mem::take(&mut self.sources));
    }

    /// The buffer for one read, for a forked child that drives a source by itself.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        mem::take(&mut self.buffer)
    }

    fn dispatch_one(&mut self, id: SourceId, index: usize, broken: bool, now: Instant) {
        // An earlier event of the same wait may have ended the source or its interest. End of input
        // is reported even where nothing is waited for.
        if let Some(entry) = self.sources.get_mut(&id)
            && entry.interests[index].is_some_and(|interest| interest != Interest::Nothing)
        {
            entry.source.on_ready(index, broken, &mut self.buffer, now);
            self.update(id);
        }
    }

    /// After a source was called: lists it if it is due, else [settles](Self::settle) it.
    fn update(&mut self, id: SourceId) {
        let entry = self.sources.get_mut(&id).expect("the source was called");
        if !entry.source.is_due() || entry.source.is_done() {
            self.settle(id);
        } else if !mem::replace(&mut entry.is_listed, true) {
            self.due.push_back(id);
        }
    }

    /// Waits for what a source watches now, or finishes it.
    fn settle(&mut self, id: SourceId) {
        let entry = self.sources.get_mut(&id).expect("the source was called");
        if !entry.source.is_done()
            && let Err(error) = watch(&self.epoll, entry, id, &mut self.always_ready)
        {
            entry.source.fail(error);
        }
        if entry.source.is_done() {
            if let Some(source) = self.take(id)
                && let Some(next) = source.finish()
            {
                self.add(next);
            }
            return;
        }
        if let Some(deadline) = entry.source.deadline()
            && entry.deadline.is_none_or(|before| deadline < before)
        {
            if let Some(before) = entry.deadline.replace(deadline) {
                self.deadlines.remove(&(before, id));
            }
            self.deadlines.insert((deadline, id));
        }
    }

    /// Removes a source, and ends waiting for its descriptors.
    fn take(&mut self, id: SourceId) -> Option<Box<dyn EventSource>> {
        let entry = self.sources.remove(&id)?;
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        for (index, watched) in entry.source.watched().into_iter().enumerate() {
            // A copy in another process would keep it watched after it is closed here.
            if let (Some((fd, _)), Some(_)) = (watched, entry.interests[index])
                && !self.always_ready.remove(&(id, index))
            {
                self.epoll.delete(fd).ok();
            }
        }
        Some(entry.source)
    }
}

/// Waits for what the source watches now.
fn watch(
    epoll: &Epoll,
    entry: &mut Entry,
    id: SourceId,
    always_ready: &mut BTreeSet<(SourceId, usize)>,
) -> io::Result<()> {
    for (index, watched) in entry.source.watched().into_iter().enumerate() {
        let Some((fd, interest)) = watched else {
            continue;
        };
        let before = entry.interests[index].replace(interest);
        if before == Some(interest) {
            continue;
        }
        let event = EpollEvent::new(flags(interest), id * MAX_FDS as u64 + index as u64);
        let done = match before {
            None if interest == Interest::Nothing => {
                entry.interests[index] = None;
                Ok(())
            }
            None => epoll.add(fd, event),
            Some(_) if always_ready.contains(&(id, index)) => Err(Errno::EPERM),
            Some(_) => epoll.modify(fd, &mut event.clone()),
        };
        match done {
            Ok(()) => (),
            // A regular file.
            Err(Errno::EPERM) if interest.moves_bytes() => {
                always_ready.insert((id, index));
            }
            Err(Errno::EPERM) => {
                always_ready.remove(&(id, index));
                entry.interests[index] = None;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn flags(interest: Interest) -> EpollFlags {
    let mut flags = EpollFlags::empty();
    match interest {
        Interest::In { read, write } => {
            flags.set(EpollFlags::EPOLLIN, read);
            flags.set(EpollFlags::EPOLLOUT, write);
        }
        Interest::HangUp => flags = EpollFlags::EPOLLRDHUP,
        // Errors and hang-ups are always reported; edge-triggered they are reported only once.
        Interest::Nothing => flags = EpollFlags::EPOLLET,
    }
    flags
}

/// The event of a descriptor that the owner handles.
fn external(watched: bool, token: usize) -> EpollEvent {
    let mut flags = EpollFlags::empty();
    flags.set(EpollFlags::EPOLLIN, watched);
    EpollEvent::new(flags, EXTERNAL + token as u64)
}

impl AsFd for Reactor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

const EXTERNAL: u64 = 1 << 62; // the data of a source is lower
const EVENTS_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::reactor::source::Watched;

    /// Counts down: with a deadline that is past, or as work that is due.
    struct Countdown {
        name: char,
        left: u32,
        is_due: bool,
        log: Rc<RefCell<String>>,
    }

    impl Countdown {
        fn step(&mut self) {
            self.left -= 1;
            self.log.borrow_mut().push(self.name);
        }
    }

    impl EventSource for Countdown {
        fn watched(&self) -> Watched<'_> {
            [None; MAX_FDS]
        }

        fn deadline(&self) -> Option<Instant> {
            (!self.is_due).then(Instant::now)
        }

        fn on_ready(&mut self, _: usize, _: bool, _: &mut [u8], _: Instant) {}

        fn tick(&mut self, _: Instant) {
            self.step();
        }

        fn is_due(&self) -> bool {
            self.is_due && 0 < self.left
        }

        fn resume(&mut self, calls: usize, _: Instant) {
            (0..calls).for_each(|_| {
                if self.is_due() {
                    self.step();
                }
            });
        }

        fn stop(&mut self, _: Instant) {}

        fn fail(&mut self, error: io::Error) {
            panic!("{error}");
        }

        fn is_done(&self) -> bool {
            self.left == 0
        }

        fn finish(self: Box<Self>) -> Option<Box<dyn EventSource>> {
            None
        }
    }

    /// A reactor with these countdowns, and the log of their steps.
    fn reactor(countdowns: &[(char, u32, bool)]) -> (Reactor, Rc<RefCell<String>>) {
        let mut reactor = Reactor::new().expect("a descriptor is available");
        let log = Rc::<RefCell<String>>::default();
        for &(name, left, is_due) in countdowns {
            let log = Rc::clone(&log);
            reactor.add(Box::new(Countdown {
                name,
                left,
                is_due,
                log,
            }));
        }
        (reactor, log)
    }

    #[test]
    fn a_deadline_that_is_past_again_waits_for_the_next_turn() {
        let (mut reactor, log) = reactor(&[('a', 3, false), ('b', 1, false), ('c', 2, false)]);
        // A clock that does not advance during a turn must not keep it from ending.
        let now = Instant::now() + std::time::Duration::from_secs(60);
        for steps in ["abc", "abcac", "abcaca"] {
            reactor.dispatch(now);
            assert_eq!(*log.borrow(), steps);
        }
        assert_eq!(reactor.len(), 0);
    }

    #[test]
    fn sources_that_are_due_take_turns() {
        let (mut reactor, log) = reactor(&[('a', 1000, true), ('b', 1000, true), ('c', 3, true)]);
        reactor.dispatch(Instant::now());
        assert!(log.borrow().starts_with("abc"), "{}", log.borrow());
        while 0 < reactor.len() {
            let mut tokens = Vec::new();
            reactor.wait(None, &mut tokens).expect("it does not wait");
            reactor.dispatch(Instant::now());
        }
        let log = log.borrow();
        assert_eq!(log.len(), 2003);
        let both = &log[..log.rfind('b').min(log.rfind('a')).expect("both have run")];
        let longest = both.split(['b', 'c']).map(str::len).max();
        assert!(longest <= Some(32), "{log}");
    }
}
