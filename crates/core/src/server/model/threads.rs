//! The threads model: a thread of its own for each peer.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use tracing::debug;

use crate::exec::child::kill_all;
use crate::hub_link::in_process::SharedHub;
use crate::hub_link::link::Link;
use crate::limits::limits::{Limits, READ_BYTES};
use crate::limits::stats::State;
use crate::net::listener::{Inlet, Listener};
use crate::reactor::run_one::hold;
use crate::reactor::signals::Signals;
use crate::reactor::source::Task;
use crate::reactor::waker::Bell;
use crate::server::acceptor;
use crate::server::worker::{Arrived, Crew, Front, Unbegun};
use crate::session::service::Service;
use crate::stream::task::Exchange;
use crate::udp::server::UdpServer;

/// Serves every peer that arrives, each in a thread of its own, until SIGTERM or SIGINT.
///
/// Then nothing more is accepted, every session is told to stop, and has `limits.grace` to end, or
/// until the second signal.
///
/// # Errors
///
/// No descriptor can be had at the start, or the system cannot wait for descriptors. Nothing that a
/// peer does ends it.
pub(crate) fn serve(
    listeners: Vec<Listener>,
    service: Arc<dyn Service>,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    let mut threads = Threads::new(service, limits)?;
    acceptor::serve(listeners, &mut threads, limits, signals)
}

/// A thread for each conversation.
///
/// At a stop, a thread that does not come back from its session is left behind: it ends with the
/// process.
pub(crate) struct Threads {
    service: Arc<dyn Service>,
    limits: Limits,
    hub: Option<SharedHub>, // where its sessions meet in rooms
    talking: HashMap<u64, Arc<Bell>>,
    begun: u64,
    ended: Receiver<u64>,
    ends: Ends,
}

/// What a thread is for. It is boxed on its way: a channel keeps room for many at once.
enum Job {
    Converse(Arrived, Option<Link>),
    /// Says first whether it can.
    Serve(Inlet, State, Option<Link>, Sender<io::Result<()>>),
}

/// How the acceptor hears that a conversation has ended.
#[derive(Clone)]
struct Ends {
    ended: Sender<u64>,
    bell: Arc<Bell>,
}

/// Tells the acceptor of the end when it is dropped, also in a panic.
struct Teller {
    number: u64,
    ends: Ends,
}

impl Threads {
    /// # Errors
    ///
    /// No descriptor can be had.
    pub(crate) fn new(service: Arc<dyn Service>, limits: &Limits) -> io::Result<Self> {
        let (sender, ended) = mpsc::channel();
        let bell = Arc::new(Bell::new()?);
        Ok(Self {
            hub: SharedHub::of(&service),
            service,
            limits: *limits,
            talking: HashMap::new(),
            begun: 0,
            ended,
            ends: Ends {
                ended: sender,
                bell,
            },
        })
    }

    /// A new way to the hub, where there is one.
    fn wire(&self) -> io::Result<Option<Link>> {
        self.hub.as_ref().map(Link::in_process).transpose()
    }

    /// Starts thread `number`, which waits for its job.
    fn start(&self, number: u64) -> io::Result<(Sender<Box<Job>>, Arc<Bell>)> {
        let (sender, receiver) = mpsc::channel::<Box<Job>>();
        let bell = Arc::new(Bell::new()?);
        let (service, limits, stop) = (Arc::clone(&self.service), self.limits, Arc::clone(&bell));
        let teller = Teller {
            number,
            ends: self.ends.clone(),
        };
        thread::Builder::new().spawn(move || {
            let _teller = teller; // dropped last, when the slot is free
            if let Ok(job) = receiver.recv() {
                work(*job, &service, &limits, &stop);
            }
        })?;
        Ok((sender, bell))
    }
}

/// Does its job to the end.
fn work(job: Job, service: &Arc<dyn Service>, limits: &Limits, stop: &Bell) {
    let mut task: Box<dyn Task> = match job {
        Job::Converse(arrived, wire) => Box::new(Exchange::open(arrived, &**service, limits, wire)),
        Job::Serve(inlet, state, wire, answers) => {
            let service = Arc::clone(service);
            let datagrams = UdpServer::new(inlet, service, limits, state, wire);
            let (datagrams, answer) = match datagrams {
                Ok(datagrams) => (Some(datagrams), Ok(())),
                Err(error) => (None, Err(error)),
            };
            answers.send(answer).ok(); // it is waited for
            let Some(datagrams) = datagrams else { return };
            Box::new(datagrams)
        }
    };
    let mut buffer = vec![0; READ_BYTES];
    let mut stopping = false;
    loop {
        hold(&mut *task, stop, &mut stopping, &mut buffer);
        let Some(next) = task.end() else { break };
        task = next;
        if stopping {
            task.stop(Instant::now());
        }
    }
}

impl Crew for Threads {
    const DEED: &'static str = "start a thread";

    fn begin(&mut self, arrived: Arrived, _: &mut Front) -> Result<(), Box<Unbegun>> {
        let number = self.begun;
        self.begun += 1; // also where it fails: its end is told all the same
        let wire = self.wire();
        match wire.and_then(|wire| Ok((self.start(number)?, wire))) {
            Ok(((thread, bell), wire)) => {
                debug!(peer = %arrived.peer, thread = number, "begin");
                self.talking.insert(number, bell);
                let job = Box::new(Job::Converse(arrived, wire));
                thread.send(job).ok(); // it waits for this and nothing else
                Ok(())
            }
            Err(error) => Err(Box::new(Unbegun { arrived, error })),
        }
    }

    fn serve_datagrams(&mut self, inlet: Inlet, front: &mut Front) -> io::Result<()> {
        let thread = self.begun;
        self.begun += 1;
        let wire = self.wire()?;
        let (jobs, bell) = self.start(thread)?;
        self.talking.insert(thread, bell);
        let (answers, answer) = mpsc::channel();
        let state = front.state.of_socket(inlet.number);
        let job = Box::new(Job::Serve(inlet, state, wire, answers));
        jobs.send(job).ok(); // as above
        answer
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread has ended")))
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ends.bell.as_fd())
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        None // each thread keeps its own
    }

    fn attend(&mut self, _: &mut Front, _: Instant) {
        self.ends.bell.hear();
        for number in self.ended.try_iter() {
            self.talking.remove(&number);
        }
    }

    fn len(&self) -> usize {
        self.talking.len()
    }

    fn report(&self) {
        for bell in self.talking.values() {
            bell.order_report();
        }
    }

    fn stop(&mut self) {
        for bell in self.talking.values() {
            bell.order_stop();
        }
    }

    fn cut(&mut self) {
        self.talking.clear();
        kill_all();
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        // Where nobody listens any more, the acceptor has gone already.
        self.ends.ended.send(self.number).ok();
        self.ends.bell.ring();
    }
}
