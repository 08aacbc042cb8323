//! The events model: every conversation in one thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::exec::child::kill_all;
use crate::hub_link::in_process::SharedHub;
use crate::hub_link::link::Link;
use crate::limits::limits::Limits;
use crate::net::listener::{Inlet, Listener};
use crate::reactor::poll::{Interest, after, wait};
use crate::reactor::reactor::Tasks;
use crate::reactor::signals::Signals;
use crate::reactor::waker::Bell;
use crate::server::acceptor;
use crate::server::worker::{Arrived, Crew, Front, Unbegun};
use crate::session::service::Service;
use crate::stream::task::Exchange;
use crate::udp::server::UdpServer;

/// Serves every peer that arrives, all in one thread, until SIGTERM or SIGINT.
///
/// Then nothing more is accepted, every session is told to stop, and what has not ended after
/// `limits.grace`, or at the second signal, is cut. While a session computes, all others wait; but
/// signals are heard in the thread that calls this, which does nothing else, so that a session that
/// does not come back cannot keep the server from stopping.
///
/// # Errors
///
/// No descriptor or thread can be had at the start, or the system cannot wait for descriptors.
/// Nothing that a peer does ends it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "every model takes the signals for itself"
)]
pub(crate) fn serve(
    listeners: Vec<Listener>,
    service: Arc<dyn Service>,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    let (orders, done) = (Arc::new(Bell::new()?), Arc::new(Bell::new()?));
    let relayed = signals.relayed(Arc::clone(&orders));
    let (limits, grace) = (*limits, limits.grace);
    let end = RingAtEnd(Arc::clone(&done));
    let thread = thread::Builder::new().spawn(move || {
        let _end = end;
        let mut events = Events {
            tasks: Tasks::new()?,
            hub: SharedHub::of(&service),
            service,
            limits,
        };
        acceptor::serve(listeners, &mut events, &limits, relayed)
    })?;
    let ended = relay(&signals, &orders, &done, grace)?;
    if !ended {
        warn!("stop: a session does not come back; leaving it");
        kill_all();
        return Ok(());
    }
    let served = thread.join();
    served.unwrap_or_else(|_| Err(io::Error::other("the thread of all conversations panicked")))
}

/// Passes signals on, until the loop has ended or had its time to; whether it has ended.
fn relay(signals: &Signals, orders: &Bell, done: &Bell, grace: Duration) -> io::Result<bool> {
    let mut deadline = None;
    loop {
        let sources = [
            (false, signals.as_fd(), Interest::READ),
            (true, done.as_fd(), Interest::READ),
        ];
        let ready = wait(&sources, deadline)?;
        let now = Instant::now();
        let is_done = ready.iter().any(|&(done, _)| done);
        if is_done || deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(is_done);
        }
        let seen = signals.take();
        if seen.terminate || seen.interrupt {
            orders.order_stop();
            let patience = if deadline.is_none() {
                grace
            } else {
                Duration::ZERO
            };
            deadline = Some(after(now, patience) + MARGIN);
        }
        if seen.report {
            orders.order_report();
        }
    }
}

/// Rings when it is dropped, also in a panic.
struct RingAtEnd(Arc<Bell>);

impl Drop for RingAtEnd {
    fn drop(&mut self) {
        self.0.ring();
    }
}

struct Events {
    tasks: Tasks,
    hub: Option<SharedHub>, // where its sessions meet in rooms
    service: Arc<dyn Service>,
    limits: Limits,
}

impl Crew for Events {
    const DEED: &'static str = "begin";

    fn begin(&mut self, arrived: Arrived, _: &mut Front) -> Result<(), Box<Unbegun>> {
        let wire = match self.wire() {
            Ok(wire) => wire,
            Err(error) => return Err(Box::new(Unbegun { arrived, error })),
        };
        let exchange = Exchange::open(arrived, &*self.service, &self.limits, wire);
        self.tasks.add(Box::new(exchange));
        Ok(())
    }

    fn serve_datagrams(&mut self, inlet: Inlet, front: &mut Front) -> io::Result<()> {
        let (service, wire) = (Arc::clone(&self.service), self.wire()?);
        let state = front.state.of_socket(inlet.number);
        let datagrams = UdpServer::new(inlet, service, &self.limits, state, wire)?;
        self.tasks.add(Box::new(datagrams));
        Ok(())
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        Some(self.tasks.as_fd())
    }

    fn wait_beside(
        &mut self,
        fds: &mut dyn Iterator<Item = BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> io::Result<Option<bool>> {
        self.tasks.wait_beside(fds, deadline).map(Some)
    }

    fn deadline(&self, now: Instant) -> Option<Instant> {
        self.tasks.deadline(now)
    }

    fn attend(&mut self, _: &mut Front, now: Instant) {
        self.tasks.attend(now);
    }

    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn report(&self) {
        self.tasks.report();
    }

    fn stop(&mut self) {
        self.tasks.stop(Instant::now());
    }

    fn cut(&mut self) {
        self.tasks.clear();
    }
}

impl Events {
    /// A new way to the hub, where there is one.
    fn wire(&self) -> io::Result<Option<Link>> {
        self.hub.as_ref().map(Link::in_process).transpose()
    }
}

const MARGIN: Duration = Duration::from_secs(1); // more than the loop itself takes after the grace
