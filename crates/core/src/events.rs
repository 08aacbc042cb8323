//! The events model: every conversation in one thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use socket2::Socket;

use crate::acceptor;
use crate::crew::{Arrived, Crew, Front, Unbegun};
use crate::datagrams::Datagrams;
use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::service::Service;
use crate::signals::Signals;
use crate::tasks::Tasks;

/// Serves every peer that arrives, all in this thread, until SIGTERM or SIGINT.
///
/// Then nothing more is accepted, every session is told to stop, and what has not ended after
/// `limits.grace`, or at the second signal, is cut. While a session computes, all others wait.
///
/// # Errors
///
/// No descriptor can be had at the start, or the system cannot wait for descriptors. Nothing that a
/// peer does ends it.
pub fn serve(
    listeners: Vec<Listener>,
    service: Arc<dyn Service>,
    limits: &Limits,
    signals: Signals,
) -> io::Result<()> {
    let mut events = Events {
        tasks: Tasks::new()?,
        service,
        limits: *limits,
    };
    acceptor::serve(listeners, &mut events, limits, signals)
}

struct Events {
    tasks: Tasks,
    service: Arc<dyn Service>,
    limits: Limits,
}

impl Crew for Events {
    const DEED: &'static str = "begin";

    fn begin(&mut self, arrived: Arrived, _: &mut Front) -> Result<(), Box<Unbegun>> {
        let exchange = Exchange::open(arrived, &*self.service, &self.limits);
        self.tasks.add(Box::new(exchange));
        Ok(())
    }

    fn serve_datagrams(
        &mut self,
        socket: Socket,
        ports: &[u16],
        front: &mut Front,
    ) -> io::Result<()> {
        let service = Arc::clone(&self.service);
        let datagrams = Datagrams::new(socket, ports, service, &self.limits, front.state)?;
        self.tasks.add(Box::new(datagrams));
        Ok(())
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        Some(self.tasks.as_fd())
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
