//! Programs that run once per datagram: the datagram is the input, the output is the reply.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd;
use tracing::{debug, error, warn};

use crate::exec::child::{Child, TERMINATE_GRACE, pipe};
use crate::exec::supervisor::not_started;
use crate::limits::admission::Slot;
use crate::limits::limits::Limits;
use crate::limits::stats::{Counter, Stats};
use crate::peer::Peer;
use crate::reactor::poll::{Interest, after, earlier};
use crate::reactor::reactor::Reactor;
use crate::reactor::source::{EventSource, Watched};

/// A program to start. `key` identifies the peer in its reply.
pub(crate) struct Job<K> {
    pub(crate) command: Box<Command>,
    pub(crate) datagram: Vec<u8>,
    pub(crate) key: K,
    pub(crate) peer: Peer,
    pub(crate) slot: Slot,
}

/// The outputs of programs that ended, each with the key of its job.
type Replies<K> = Rc<RefCell<Vec<(K, Vec<u8>)>>>;

/// The running programs of one UDP socket.
pub(crate) struct Jobs<K> {
    running: Reactor,
    replies: Replies<K>,
    limits: Limits,
    stats: Stats,
}

impl<K: Copy + 'static> Jobs<K> {
    pub(crate) fn new(limits: &Limits, stats: Stats) -> io::Result<Self> {
        Ok(Self {
            running: Reactor::new()?,
            replies: Replies::default(),
            limits: *limits,
            stats,
        })
    }

    /// Starts the program. Its failure to start is logged, and its reply is empty.
    pub(crate) fn start(&mut self, job: Job<K>) {
        let (key, peer) = (job.key, job.peer.clone());
        match RunningJob::start(job, &self.replies, &self.limits) {
            Ok(running) => {
                self.running.add(Box::new(running));
            }
            Err(error) => {
                self.stats.count(Counter::Failed, 1);
                error!(%peer, "end: {}", not_started(&error));
                self.replies.borrow_mut().push((key, Vec::new()));
            }
        }
    }

    /// Does what is due and returns the replies of the programs that have ended, one for each job.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<(K, Vec<u8>)> {
        self.running.poll(now);
        self.replies.take()
    }

    /// When to call [`poll`](Self::poll) even if no descriptor is ready.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.running.deadline(Instant::now())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.len() == 0
    }

    /// Terminates all programs.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.running.stop(now);
    }
}

impl<K> AsFd for Jobs<K> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.running.as_fd()
    }
}

struct RunningJob<K> {
    program: Child,
    output: OwnedFd,
    output_ended: bool,
    reply: Vec<u8>,
    key: K,
    peer: Peer,
    _slot: Slot, // taken until the program ends
    replies: Replies<K>,
    terminate_at: Option<Instant>,
}

impl<K> RunningJob<K> {
    fn start(mut job: Job<K>, replies: &Replies<K>, limits: &Limits) -> io::Result<Self> {
        // A pipe may be smaller than a datagram; a file in memory is not.
        let mut input = File::from(memfd_create("datagram", MFdFlags::MFD_CLOEXEC)?);
        input.write_all(&job.datagram)?;
        input.rewind()?;
        let (output, prints) = pipe()?;
        let (input, prints) = (Stdio::from(input), Stdio::from(prints));
        let program = Child::spawn(job.command.process_group(0), input, prints)?;
        debug!(peer = %job.peer, pid = %program.pid(), "program");
        job.slot.set_pid(program.pid());
        job.slot.count_bytes(job.datagram.len() as u64, 0);
        let now = Instant::now();
        let session = limits.session_timeout.map(|timeout| after(now, timeout));
        let idle = limits.idle_timeout.map(|timeout| after(now, timeout));
        Ok(Self {
            program,
            output,
            output_ended: false,
            reply: Vec::new(),
            key: job.key,
            peer: job.peer,
            _slot: job.slot,
            replies: Rc::clone(replies),
            terminate_at: earlier(session, idle),
        })
    }

    /// Appends the output of the program to the reply, until the reply is as long as a datagram.
    fn read(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..READS_PER_TURN {
            match unistd::read(&self.output, &mut buffer) {
                Ok(count) if 0 < count => {
                    let room = MAX_REPLY_BYTES - self.reply.len();
                    self.reply.extend_from_slice(&buffer[..count.min(room)]);
                    if room < count {
                        let peer = &self.peer;
                        warn!(%peer, "the output of a program exceeds a datagram; the rest is cut off");
                        self.output_ended = true;
                        self.terminate_at = Some(Instant::now()); // its output may never end
                        return;
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Ok(_) | Err(_) => {
                    self.output_ended = true;
                    return;
                }
            }
        }
    }

    fn terminate(&mut self, now: Instant) {
        self.program.terminate(TERMINATE_GRACE, now);
        self.terminate_at = None;
    }
}

impl<K> EventSource for RunningJob<K> {
    fn watched(&self) -> Watched<'_> {
        let reading = Interest::read_if(!self.output_ended);
        let [process, errors] = self.program.watched();
        [Some((self.output.as_fd(), reading)), process, errors]
    }

    fn deadline(&self) -> Option<Instant> {
        earlier(self.program.deadline(), self.terminate_at)
    }

    fn on_ready(&mut self, index: usize, _: bool, _: &mut [u8], now: Instant) {
        match index {
            0 => self.read(),
            1 => {
                self.program.on_exit(&self.peer, now);
                if self.is_done() && !self.output_ended {
                    self.read(); // all of the output is in the pipe
                }
            }
            _ => self.program.log_errors(&self.peer, now),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.program.tick(&self.peer, now);
        if self.terminate_at.is_some_and(|at| at <= now) {
            debug!(peer = %self.peer, pid = %self.program.pid(), "terminate: timeout");
            self.terminate(now);
        }
    }

    fn stop(&mut self, now: Instant) {
        self.terminate(now);
    }

    fn fail(&mut self, error: io::Error) {
        self.program.fail(&error, &self.peer);
    }

    fn is_done(&self) -> bool {
        self.program.status().is_some()
    }

    fn finish(self: Box<Self>) -> Option<Box<dyn EventSource>> {
        let status = self.program.status().unwrap_or_default();
        debug!(peer = %self.peer, "end: the program ended: {status}");
        self.replies.borrow_mut().push((self.key, self.reply));
        None
    }
}

const MAX_REPLY_BYTES: usize = 65_507; // the longest payload of UDP over IPv4
const READS_PER_TURN: usize = 32; // more than a pipe holds
