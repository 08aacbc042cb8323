//! Many tasks at once, driven by whoever has other things to wait for as well.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::limits::limits::READ_BYTES;
use crate::reactor::poll::{Interest, earlier, timeout};
use crate::reactor::source::{PLACES, Task};

/// Tasks that are driven together.
///
/// Its [descriptor](AsFd) is ready when one of them has something to do, so thousands of idle ones
/// cost those who wait for it nothing.
pub(crate) struct Tasks {
    epoll: Epoll,
    tasks: HashMap<u64, Entry>,
    begun: u64,
    stopping: bool,
    /// When a task is to be told the time, or earlier: it is looked up anew then, rather than moved
    /// with every message.
    deadlines: BTreeSet<(Instant, u64)>,
    /// Places of files, which are always ready and cannot be waited for.
    always: BTreeSet<(u64, usize)>,
    ready: Vec<EpollEvent>, // not attended to yet
    /// Descriptors of others that are waited for, until they are ready once.
    beside: Vec<RawFd>,
    buffer: Vec<u8>, // for what one read brings
}

struct Entry {
    task: Box<dyn Task>,
    interests: [Option<Interest>; PLACES],
    due: Option<Instant>,
}

impl Tasks {
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            tasks: HashMap::new(),
            begun: 0,
            stopping: false,
            deadlines: BTreeSet::new(),
            always: BTreeSet::new(),
            ready: Vec::new(),
            beside: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Drives one more.
    pub(crate) fn add(&mut self, mut task: Box<dyn Task>) {
        if self.stopping {
            task.stop(Instant::now());
        }
        let id = self.begun;
        self.begun += 1;
        let entry = Entry {
            task,
            interests: [None; PLACES],
            due: None,
        };
        self.tasks.insert(id, entry);
        self.settle(id);
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// When they are to be attended to, though their descriptor is not ready.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let first = self.deadlines.first().map(|&(due, _)| due);
        earlier(first, (!self.always.is_empty()).then_some(now))
    }

    /// Waits until one of the tasks has something to do, or one of `others` is ready, which is what
    /// it says; or until the deadline.
    ///
    /// Others stay open as long as these tasks go on.
    pub(crate) fn wait_beside(
        &mut self,
        others: &mut dyn Iterator<Item = BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        for fd in others {
            if !self.beside.contains(&fd.as_raw_fd()) {
                self.beside.push(fd.as_raw_fd());
                let number = fd.as_raw_fd().unsigned_abs();
                let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
                let mut event = EpollEvent::new(flags, BESIDE + u64::from(number));
                match self.epoll.modify(fd, &mut event) {
                    Err(Errno::ENOENT) => self.epoll.add(fd, event)?,
                    done => done?,
                }
            }
        }
        match self.look(timeout(deadline)) {
            Err(Errno::EINTR) => Ok(true),
            done => Ok(done?),
        }
    }

    /// Finds out who has something to do; whether one of others is among them. That one is not
    /// watched any more.
    fn look(&mut self, patience: EpollTimeout) -> nix::Result<bool> {
        let mut events = [EpollEvent::empty(); AT_ONCE];
        let count = self.epoll.wait(&mut events, patience)?;
        let before = self.beside.len();
        for event in &events[..count] {
            match event.data().checked_sub(BESIDE) {
                None => self.ready.push(*event),
                Some(number) => self
                    .beside
                    .retain(|fd| u64::from(fd.unsigned_abs()) != number),
            }
        }
        Ok(self.beside.len() < before)
    }

    /// Does what has become possible, and what is due at `now`.
    pub(crate) fn attend(&mut self, now: Instant) {
        if self.ready.is_empty() {
            self.look(EpollTimeout::ZERO).ok(); // if interrupted, the next look comes soon
        }
        let broken = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            let (id, place) = (event.data() / PLACES as u64, event.data() % PLACES as u64);
            self.attend_one(id, place as usize, event.events().intersects(broken), now);
        }
        self.ready = ready; // its room serves the next time
        for (id, place) in self.always.clone() {
            self.attend_one(id, place, false, now);
        }
        while let Some(&(due, id)) = self.deadlines.first()
            && due <= now
        {
            self.deadlines.pop_first();
            if let Some(entry) = self.tasks.get_mut(&id) {
                entry.due = None;
                entry.task.tick(now);
                self.settle(id);
            }
        }
    }

    /// Tells all of them that the server is stopping.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopping = true;
        let mut ids: Vec<u64> = self.tasks.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            if let Some(entry) = self.tasks.get_mut(&id) {
                entry.task.stop(now);
                self.settle(id);
            }
        }
    }

    /// Has all of them tell what goes on.
    pub(crate) fn report(&self) {
        self.tasks.values().for_each(|entry| entry.task.report());
    }

    /// Drops all of them: without a word, and in a forked child without a trace.
    pub(crate) fn clear(&mut self) {
        self.tasks.clear();
        self.deadlines.clear();
        self.always.clear();
    }

    fn attend_one(&mut self, id: u64, place: usize, broken: bool, now: Instant) {
        // What was ready at the same time may have ended it.
        // That input has ended is told even where none is wanted, and is no news then.
        if let Some(entry) = self.tasks.get_mut(&id)
            && entry.interests[place].is_some_and(|wanted| wanted != Interest::Nothing)
        {
            entry.task.attend(place, broken, &mut self.buffer, now);
            self.settle(id);
        }
    }

    /// After anything has happened to a task: waits for what it wants now, or lets it end.
    fn settle(&mut self, id: u64) {
        let entry = self
            .tasks
            .get_mut(&id)
            .expect("only who is there is settled");
        if !entry.task.is_over()
            && let Err(error) = watch(&self.epoll, entry, id, &mut self.always)
        {
            entry.task.fail(error);
        }
        if entry.task.is_over() {
            return self.remove(id);
        }
        if let Some(deadline) = entry.task.deadline()
            && entry.due.is_none_or(|due| deadline < due)
        {
            if let Some(due) = entry.due.replace(deadline) {
                self.deadlines.remove(&(due, id));
            }
            self.deadlines.insert((deadline, id));
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(entry) = self.tasks.remove(&id) else {
            return;
        };
        if let Some(due) = entry.due {
            self.deadlines.remove(&(due, id));
        }
        for (place, watched) in entry.task.watched().into_iter().enumerate() {
            // A copy elsewhere would keep it watched after it is closed here.
            if let (Some((fd, _)), Some(_)) = (watched, entry.interests[place])
                && !self.always.remove(&(id, place))
            {
                self.epoll.delete(fd).ok();
            }
        }
        if let Some(next) = entry.task.end() {
            self.add(next);
        }
    }
}

/// Waits for what the task wants now.
fn watch(
    epoll: &Epoll,
    entry: &mut Entry,
    id: u64,
    always: &mut BTreeSet<(u64, usize)>,
) -> io::Result<()> {
    for (place, watched) in entry.task.watched().into_iter().enumerate() {
        let Some((fd, interest)) = watched else {
            continue;
        };
        let before = entry.interests[place].replace(interest);
        if before == Some(interest) {
            continue;
        }
        let event = EpollEvent::new(flags(interest), id * PLACES as u64 + place as u64);
        let done = match before {
            None if interest == Interest::Nothing => {
                entry.interests[place] = None;
                Ok(())
            }
            None => epoll.add(fd, event),
            Some(_) if always.contains(&(id, place)) => Err(Errno::EPERM),
            Some(_) => epoll.modify(fd, &mut event.clone()),
        };
        match done {
            Ok(()) => (),
            // A file: it is always ready.
            Err(Errno::EPERM) if interest.moves_bytes() => {
                always.insert((id, place));
            }
            Err(Errno::EPERM) => {
                always.remove(&(id, place));
                entry.interests[place] = None;
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
        // That it is broken cannot be left out, but is told once only.
        Interest::Nothing => flags = EpollFlags::EPOLLET,
    }
    flags
}

impl AsFd for Tasks {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

const BESIDE: u64 = 1 << 62; // tasks have lower numbers
const AT_ONCE: usize = 64; // then look after the rest again
