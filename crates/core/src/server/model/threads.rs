//! The threads model: a thread per client. The sequential model is the same with one client at a time.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use tracing::debug;

use crate::exec::processes::{end_orphans, kill_all, wait_for_orphans};
use crate::hub_link::in_process::SharedHub;
use crate::hub_link::link::Link;
use crate::limits::limits::Limits;
use crate::net::listener::UdpListener;
use crate::net::stream::Stream;
use crate::reactor::run_one::run_one;
use crate::reactor::signals::Signals;
use crate::reactor::source::{EventSource, READ_BYTES};
use crate::reactor::waker::Waker;
use crate::server::acceptor::Setup;
use crate::server::shutdown::serve_until_signal;
use crate::server::worker::{AcceptorState, StartError, Worker, cannot_start};
use crate::session::service::Service;
use crate::stream::task::StreamTask;
use crate::udp::server::UdpServer;

/// Serves each peer in a thread of its own, beside the acceptor, so that a session that does not return
/// cannot keep the server from stopping.
pub(crate) fn serve(setup: Setup) -> io::Result<()> {
    let (sender, ended) = mpsc::channel();
    let mut threads = Threads {
        service: Arc::clone(&setup.service),
        limits: setup.limits,
        hub: SharedHub::of(&setup.service),
        running: HashMap::new(),
        started: 0,
        ended,
        sender,
        waker: Arc::new(Waker::new()?),
    };
    let served = serve_until_signal(setup, &mut threads);
    wait_for_orphans();
    served
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
    sender: Sender<ThreadNumber>, // for `ended`
    waker: Arc<Waker>,            // ready when a thread has ended
}

type ThreadNumber = u64;

/// What a thread does, until it receives SIGTERM from these signals. It is boxed because a channel
/// reserves space for many at once.
type Job = Box<dyn FnOnce(&Signals) + Send>;

/// Notifies the acceptor of the end of a thread when it is dropped, also in a panic.
struct NotifyAtEnd {
    number: ThreadNumber,
    ended: Sender<ThreadNumber>,
    waker: Arc<Waker>,
}

impl Drop for NotifyAtEnd {
    fn drop(&mut self) {
        self.ended.send(self.number).ok(); // fails where the acceptor has ended before
        self.waker.wake();
    }
}

impl Threads {
    /// A new link to the hub, where the service has rooms.
    fn link(&self) -> io::Result<Option<Link>> {
        self.hub.as_ref().map(SharedHub::link).transpose()
    }

    /// Starts a thread, which waits for its job.
    fn spawn(&mut self) -> io::Result<Sender<Job>> {
        let number = self.started;
        self.started += 1; // also if it fails: then `NotifyAtEnd` reports the number all the same
        let (sender, receiver) = mpsc::channel::<Job>();
        let control = Arc::new(Waker::new()?);
        let signals = Signals::forwarded(Arc::clone(&control));
        let notify_at_end = NotifyAtEnd {
            number,
            ended: self.sender.clone(),
            waker: Arc::clone(&self.waker),
        };
        thread::Builder::new().spawn(move || {
            let _notify_at_end = notify_at_end; // dropped last, when the slot is free
            if let Ok(job) = receiver.recv() {
                job(&signals);
            }
        })?;
        self.running.insert(number, control);
        Ok(sender)
    }

    /// Starts the thread of a UDP socket, and waits until it serves.
    fn start_udp(&mut self, listener: UdpListener, acceptor: &AcceptorState) -> io::Result<()> {
        let link = self.link()?;
        let jobs = self
            .spawn()
            .map_err(|error| cannot_start("thread", &listener, &error))?;
        let (sender, result) = mpsc::channel();
        let stats = acceptor.stats.for_udp_socket(listener.index);
        let (service, limits) = (Arc::clone(&self.service), self.limits);
        let job = move |signals: &Signals| {
            let server = UdpServer::new(listener, service, &limits, stats, link);
            match server {
                Ok(server) => {
                    sender.send(Ok(())).ok(); // the acceptor waits for it
                    run(Box::new(server), signals);
                }
                Err(error) => {
                    sender.send(Err(error)).ok();
                }
            }
        };
        jobs.send(Box::new(job)).ok(); // the thread waits for it
        result
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread has ended")))
    }
}

/// Drives a source and those that follow it, until it has to end at once.
fn run(mut source: Box<dyn EventSource>, signals: &Signals) {
    let mut buffer = vec![0; READ_BYTES];
    let mut stopping = false;
    loop {
        if !run_one(&mut *source, signals, &mut stopping, &mut buffer) {
            return;
        }
        let Some(next) = source.finish() else { break };
        source = next;
        if stopping {
            source.stop(Instant::now());
        }
    }
}

impl Worker for Threads {
    const ACTION: &'static str = "start a thread";

    fn start(&mut self, stream: Stream, _: &mut AcceptorState) -> Result<(), Box<StartError>> {
        let thread = self.started;
        let link = self.link();
        match link.and_then(|link| Ok((self.spawn()?, link))) {
            Ok((jobs, link)) => {
                debug!(peer = %stream.peer, thread, "begin");
                let (service, limits) = (Arc::clone(&self.service), self.limits);
                let job = move |signals: &Signals| {
                    let task = StreamTask::open(stream, &*service, &limits, link);
                    run(Box::new(task), signals);
                };
                jobs.send(Box::new(job)).ok(); // the thread waits for it
                Ok(())
            }
            Err(error) => Err(Box::new(StartError { stream, error })),
        }
    }

    fn serve_udp(
        &mut self,
        listeners: Vec<UdpListener>,
        acceptor: &mut AcceptorState,
    ) -> io::Result<()> {
        let mut listeners = listeners.into_iter();
        listeners.try_for_each(|listener| self.start_udp(listener, acceptor))
    }

    fn wakeup(&self) -> Option<BorrowedFd<'_>> {
        Some(self.waker.as_fd())
    }

    fn attend(&mut self, _: &mut AcceptorState, _: Instant) {
        end_orphans();
        self.waker.clear();
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

    fn abort(&mut self) {
        for control in self.running.values() {
            control.request_abort();
        }
    }

    fn kill(&mut self) {
        self.abort();
        self.running.clear();
        kill_all();
    }
}
