//! The events model: all sessions in one thread.

use std::io::{self, PipeReader};
use std::mem;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::exec::processes::{end_orphans, kill_all, wait_for_orphans};
use crate::hub_link::in_process::SharedHub;
use crate::hub_link::link::Link;
use crate::limits::limits::Limits;
use crate::net::listener::{Listener, UdpListener};
use crate::net::stream::Stream;
use crate::reactor::poll::{Interest, after, wait};
use crate::reactor::signals::Signals;
use crate::reactor::waker::Waker;
use crate::server::acceptor::Setup;
use crate::server::shutdown::serve_until_signal;
use crate::server::worker::{AcceptorState, StartError, Worker};
use crate::session::service::Service;
use crate::stream::task::StreamTask;
use crate::udp::server::UdpServer;

/// Serves all peers in one thread.
///
/// While a session computes, all others wait. The signals are read in the thread that calls this
/// function, which does nothing else, so that a session that does not return cannot keep the server
/// from stopping.
pub(crate) fn serve(mut setup: Setup) -> io::Result<()> {
    let control = Arc::new(Waker::new()?);
    let (done, at_end) = io::pipe()?; // hung up when the thread has ended, also by a panic
    let forwarded = Signals::forwarded(Arc::clone(&control));
    let signals = mem::replace(&mut setup.signals, forwarded);
    let grace = setup.limits.grace_period;
    let listeners = setup.listeners.iter();
    let _socket_files: Vec<_> = listeners.filter_map(Listener::socket_file).collect();
    let sessions = move || {
        let _at_end = at_end;
        let mut events = Events {
            hub: SharedHub::of(&setup.service),
            service: Arc::clone(&setup.service),
            limits: setup.limits,
        };
        serve_until_signal(setup, &mut events)
    };
    let thread = thread::Builder::new().spawn(sessions).map_err(|error| {
        let text = format!("cannot start the thread of the sessions: {error}");
        io::Error::new(error.kind(), text)
    })?;
    let ended = forward_signals(&signals, &control, &done, grace)?;
    if !ended {
        warn!("stop: a session does not return; abandoning it");
        kill_all();
        wait_for_orphans();
        return Ok(());
    }
    let served = thread.join();
    wait_for_orphans();
    served.unwrap_or_else(|_| Err(io::Error::other("the thread of the sessions panicked")))
}

/// Forwards signals until the other thread has ended, or has had its time to. Returns whether it has
/// ended.
fn forward_signals(
    signals: &Signals,
    control: &Waker,
    done: &PipeReader,
    grace: Duration,
) -> io::Result<bool> {
    let mut deadline = None;
    loop {
        let fds = [
            (false, signals.as_fd(), Interest::READ),
            (true, done.as_fd(), Interest::READ),
        ];
        let ready = wait(&fds, deadline)?;
        let now = Instant::now();
        let is_done = ready.iter().any(|&(done, _)| done);
        if is_done || deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(is_done);
        }
        let pending = signals.take();
        pending.log_unused();
        if pending.abort {
            control.request_abort();
            deadline = Some(now + MARGIN);
        } else if pending.terminate || pending.interrupt {
            control.request_stop();
            let grace = if deadline.is_none() {
                grace
            } else {
                Duration::ZERO
            };
            deadline = Some(after(now, grace) + MARGIN);
        }
        if pending.child {
            end_orphans();
        }
        if pending.report {
            control.request_report();
        }
    }
}

/// The sessions are in the reactor of the acceptor.
struct Events {
    hub: Option<SharedHub>, // where the service has rooms
    service: Arc<dyn Service>,
    limits: Limits,
}

impl Worker for Events {
    const ACTION: &'static str = "start a session";

    fn start(
        &mut self,
        stream: Stream,
        acceptor: &mut AcceptorState,
    ) -> Result<(), Box<StartError>> {
        match self.link() {
            Ok(link) => {
                let task = StreamTask::open(stream, &*self.service, &self.limits, link);
                acceptor.reactor.add(Box::new(task));
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
        for listener in listeners {
            let (service, link) = (Arc::clone(&self.service), self.link()?);
            let stats = acceptor.stats.for_udp_socket(listener.index);
            let server = UdpServer::new(listener, service, &self.limits, stats, link)?;
            acceptor.reactor.add(Box::new(server));
        }
        Ok(())
    }
}

impl Events {
    /// A new link to the hub, where the service has rooms.
    fn link(&self) -> io::Result<Option<Link>> {
        self.hub.as_ref().map(SharedHub::link).transpose()
    }
}

const MARGIN: Duration = Duration::from_secs(1); // longer than the loop itself needs after the grace period
