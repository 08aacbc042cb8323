//! One run of a program: a datagram is its input, and its output the answer.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd;
use tracing::{debug, error, warn};

use crate::exec::child::{Group, PATIENCE, Program, pipe};
use crate::exec::supervisor::not_started;
use crate::limits::admission::Slot;
use crate::limits::limits::Limits;
use crate::limits::stats::{Count, State};
use crate::peer::Peer;
use crate::reactor::poll::{Interest, after};
use crate::reactor::reactor::Tasks;
use crate::reactor::source::{Task, Watched};
use crate::udp::peer::Pair;

/// A run that is to begin.
pub(crate) struct Errand {
    pub(crate) command: Box<Command>,
    pub(crate) datagram: Vec<u8>,
    pub(crate) pair: Pair,
    pub(crate) peer: Peer,
    pub(crate) slot: Slot,
}

/// What runs have answered, and to whom, until it is sent.
type Answers = Rc<RefCell<Vec<(Pair, Vec<u8>)>>>;

/// The programs that are at work for the peers of one socket.
pub(crate) struct Programs {
    runs: Tasks,
    answers: Answers,
    limits: Limits,
    state: State,
}

impl Programs {
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(crate) fn new(limits: &Limits, state: State) -> io::Result<Self> {
        Ok(Self {
            runs: Tasks::new()?,
            answers: Answers::default(),
            limits: *limits,
            state,
        })
    }

    /// Starts one.
    pub(crate) fn run(&mut self, errand: Errand) {
        let (pair, peer) = (errand.pair, errand.peer.clone());
        match Run::start(errand, &self.answers, &self.limits) {
            Ok(run) => self.runs.add(Box::new(run)),
            Err(error) => {
                self.state.count(Count::Failed, 1);
                error!(%peer, "end: {}", not_started(&error));
                self.answers.borrow_mut().push((pair, Vec::new()));
            }
        }
    }

    /// Looks after all of them; says what they have answered since the last look.
    pub(crate) fn attend(&mut self, now: Instant) -> Vec<(Pair, Vec<u8>)> {
        self.runs.attend(now);
        self.answers.take()
    }

    /// When to look, though none has anything new.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.runs.deadline(Instant::now())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.len() == 0
    }

    /// Tells all of them to end.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.runs.stop(now);
    }
}

impl AsFd for Programs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.runs.as_fd()
    }
}

/// A program at work on a datagram.
struct Run {
    program: Program,
    output: OwnedFd,
    output_ended: bool,
    answer: Vec<u8>,
    pair: Pair,
    peer: Peer,
    _slot: Slot, // its place, until the end
    answers: Answers,
    until: Option<Instant>, // when it is told to end
}

impl Run {
    /// Starts the program.
    ///
    /// # Errors
    ///
    /// The system has no room for it, or it cannot be run.
    fn start(errand: Errand, answers: &Answers, limits: &Limits) -> io::Result<Self> {
        let Errand {
            mut command,
            datagram,
            pair,
            peer,
            slot,
        } = errand;
        // A file in memory takes any datagram whole, while a pipe may be smaller.
        let mut input = File::from(memfd_create("datagram", MFdFlags::MFD_CLOEXEC)?);
        input.write_all(&datagram)?;
        input.rewind()?;
        let (output, prints) = pipe()?;
        let (input, prints) = (Stdio::from(input), Stdio::from(prints));
        let program = Program::spawn(&mut command, input, prints, Group::Own)?;
        debug!(%peer, pid = %program.pid(), "program");
        slot.runs_as(program.pid());
        slot.moved(datagram.len() as u64, 0);
        let now = Instant::now();
        let longest = limits.session.into_iter().chain(limits.idle).min();
        Ok(Self {
            program,
            output,
            output_ended: false,
            answer: Vec::new(),
            pair,
            peer,
            _slot: slot,
            answers: Rc::clone(answers),
            until: longest.map(|longest| after(now, longest)),
        })
    }

    /// Reads what the program has printed.
    fn read(&mut self) {
        let mut printed = [0; 4096];
        for _ in 0..READS_AT_ONCE {
            match unistd::read(&self.output, &mut printed) {
                Ok(count) if 0 < count => {
                    let room = LONGEST - self.answer.len();
                    self.answer.extend_from_slice(&printed[..count.min(room)]);
                    if room < count {
                        let peer = &self.peer;
                        warn!(%peer, "a program printed more than a datagram holds; the rest is cut off");
                        self.output_ended = true;
                        self.until = Some(Instant::now()); // it may print for ever
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
        self.program.terminate(PATIENCE, now);
        self.until = None;
    }
}

impl Task for Run {
    fn watched(&self) -> Watched<'_> {
        let reading = if self.output_ended {
            Interest::Nothing
        } else {
            Interest::READ
        };
        let [process, errors] = self.program.watched();
        [Some((self.output.as_fd(), reading)), process, errors]
    }

    fn deadline(&self) -> Option<Instant> {
        self.program.kill_at().or(self.until)
    }

    fn attend(&mut self, place: usize, _: bool, _: &mut [u8], _: Instant) {
        match place {
            0 => self.read(),
            1 => {
                self.program.attend(&self.peer);
                if self.is_over() && !self.output_ended {
                    self.read(); // all of it is there
                }
            }
            _ => self.program.log_errors(&self.peer),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.program.tick(now);
        if self.until.is_some_and(|at| at <= now) {
            debug!(peer = %self.peer, pid = %self.program.pid(), "terminate: takes too long");
            self.terminate(now);
        }
    }

    fn stop(&mut self, now: Instant) {
        self.terminate(now);
    }

    fn fail(&mut self, error: io::Error) {
        self.program.fail(&error, &self.peer);
    }

    fn is_over(&self) -> bool {
        self.program.status().is_some()
    }

    fn end(self: Box<Self>) -> Option<Box<dyn Task>> {
        let status = self.program.status().unwrap_or_default();
        debug!(peer = %self.peer, "end: the program ended: {status}");
        self.answers.borrow_mut().push((self.pair, self.answer));
        None
    }
}

const LONGEST: usize = 65_507; // no datagram of IPv4 is longer
const READS_AT_ONCE: usize = 32; // more than a pipe holds
