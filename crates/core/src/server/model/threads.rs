//! The threads model: a thread per client. The sequential model is the same with one client at a time.

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
use crate::limits::limits::Limits;
use crate::limits::stats::{Reporting, Stats};
use crate::net::listener::{Listener, UdpListener};
use crate::reactor::run_one::run_one;
use crate::reactor::signals::Signals;
use crate::reactor::source::{EventSource, READ_BYTES};
use crate::reactor::waker::Waker;
use crate::server::acceptor;
use crate::server::worker::{AcceptorState, StartError, Worker};
use crate::session::service::Service;
use crate::stream::lifecycle::Accepted;
use crate::stream::task::StreamTask;
use crate::udp::server::UdpServer;

/// Serves each peer in a thread of its own, until SIGTERM or SIGINT.
///
/// Then the listeners close and every session is asked to end, within the grace period or until the
/// second signal.
///
/// # Errors
///
/// No descriptor is available at the start, or the system cannot wait for descriptors. Nothing that a
/// peer does ends the server.
pub(crate) fn serve(
    listeners: Vec<Listener>,
    service: Arc<dyn Service>,
    limits: &Limits,
    signals: Signals,
    reporting: Reporting,
) -> io::Result<()> {
    let mut threads = Threads::new(service, limits)?;
    acceptor::serve(listeners, &mut threads, limits, signals, reporting)
}

/// Serves one peer at a time; the next one waits in the backlog.
///
/// The session runs in a thread beside the acceptor, so that a session that does not return cannot
/// keep the server from stopping.
///
/// # Errors
///
/// Those of [`serve`].
pub(crate) fn serve_sequentially(
    listeners: Vec<Listener>,
    service: Arc<dyn Service>,
    limits: &Limits,
    signals: Signals,
    reporting: Reporting,
) -> io::Result<()> {
    let limits = Limits {
        max_clients: 1,
        ..*limits
    };
    serve(listeners, service, &limits, signals, reporting)
}

/// A thread for each session. A thread that does not return from its session when the server stops is
/// abandoned: it ends with the process.
struct Threads {
    service: Arc<dyn Service>,
    limits: Limits,
    hub: Option<SharedHub>, // where the service has rooms
    running: HashMap<ThreadNumber, Arc<Waker>>,
    started: ThreadNumber,
    ended: Receiver<ThreadNumber>,
    ends: Ends,
}

type ThreadNumber = u64;

/// What a thread does. It is boxed because a channel reserves space for many at once.
enum Job {
    Session(Accepted, Option<Link>),
    /// Sends first whether it can serve the socket.
    Udp(UdpListener, Stats, Option<Link>, Sender<io::Result<()>>),
}

/// Notifies the acceptor of the end of a thread.
#[derive(Clone)]
struct Ends {
    ended: Sender<ThreadNumber>,
    waker: Arc<Waker>,
}

/// Notifies the acceptor when it is dropped, also in a panic.
struct NotifyAtEnd {
    number: ThreadNumber,
    ends: Ends,
}

impl Drop for NotifyAtEnd {
    fn drop(&mut self) {
        self.ends.ended.send(self.number).ok(); // fails where the acceptor has ended before
        self.ends.waker.wake();
    }
}

impl Threads {
    fn new(service: Arc<dyn Service>, limits: &Limits) -> io::Result<Self> {
        let (sender, ended) = mpsc::channel();
        let waker = Arc::new(Waker::new()?);
        Ok(Self {
            hub: SharedHub::of(&service),
            service,
            limits: *limits,
            running: HashMap::new(),
            started: 0,
            ended,
            ends: Ends {
                ended: sender,
                waker,
            },
        })
    }

    /// A new link to the hub, where the service has rooms.
    fn link(&self) -> io::Result<Option<Link>> {
        self.hub.as_ref().map(SharedHub::link).transpose()
    }

    /// Starts a thread, which waits for its job.
    fn spawn(&mut self) -> io::Result<Sender<Box<Job>>> {
        let number = self.started;
        self.started += 1; // also if it fails: then `NotifyAtEnd` reports the number all the same
        let (sender, receiver) = mpsc::channel::<Box<Job>>();
        let control = Arc::new(Waker::new()?);
        let waker = Arc::clone(&control);
        let (service, limits) = (Arc::clone(&self.service), self.limits);
        let notify_at_end = NotifyAtEnd {
            number,
            ends: self.ends.clone(),
        };
        thread::Builder::new().spawn(move || {
            let _notify_at_end = notify_at_end; // dropped last, when the slot is free
            if let Ok(job) = receiver.recv() {
                run(*job, &service, &limits, &control);
            }
        })?;
        self.running.insert(number, waker);
        Ok(sender)
    }
}

/// Does the job of a thread.
fn run(job: Job, service: &Arc<dyn Service>, limits: &Limits, control: &Waker) {
    let mut source: Box<dyn EventSource> = match job {
        Job::Session(accepted, link) => {
            Box::new(StreamTask::open(accepted, &**service, limits, link))
        }
        Job::Udp(listener, stats, link, result) => {
            let service = Arc::clone(service);
            let server = UdpServer::new(listener, service, limits, stats, link);
            let (server, outcome) = match server {
                Ok(server) => (Some(server), Ok(())),
                Err(error) => (None, Err(error)),
            };
            result.send(outcome).ok(); // the acceptor waits for it
            let Some(server) = server else { return };
            Box::new(server)
        }
    };
    let mut buffer = vec![0; READ_BYTES];
    let mut stopping = false;
    loop {
        run_one(&mut *source, control, &mut stopping, &mut buffer);
        let Some(next) = source.finish() else { break };
        source = next;
        if stopping {
            source.stop(Instant::now());
        }
    }
}

impl Worker for Threads {
    const ACTION: &'static str = "start a thread";

    fn start(&mut self, accepted: Accepted, _: &mut AcceptorState) -> Result<(), Box<StartError>> {
        let thread = self.started;
        let link = self.link();
        match link.and_then(|link| Ok((self.spawn()?, link))) {
            Ok((jobs, link)) => {
                debug!(peer = %accepted.peer, thread, "begin");
                let job = Box::new(Job::Session(accepted, link));
                jobs.send(job).ok(); // the thread waits for it
                Ok(())
            }
            Err(error) => Err(Box::new(StartError { accepted, error })),
        }
    }

    fn serve_udp(&mut self, listener: UdpListener, acceptor: &mut AcceptorState) -> io::Result<()> {
        let link = self.link()?;
        let jobs = self.spawn()?;
        let (sender, result) = mpsc::channel();
        let stats = acceptor.stats.for_udp_socket(listener.index);
        let job = Box::new(Job::Udp(listener, stats, link, sender));
        jobs.send(job).ok(); // the thread waits for it
        result
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread has ended")))
    }

    fn wakeup(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ends.waker.as_fd())
    }

    fn attend(&mut self, _: &mut AcceptorState, _: Instant) {
        self.ends.waker.clear();
        for number in self.ended.try_iter() {
            self.running.remove(&number);
        }
    }

    fn len(&self) -> usize {
        self.running.len()
    }

    fn report(&self) {
        for control in self.running.values() {
            control.request_report();
        }
    }

    fn stop(&mut self) {
        for control in self.running.values() {
            control.request_stop();
        }
    }

    fn kill(&mut self) {
        self.running.clear();
        kill_all();
    }
}
