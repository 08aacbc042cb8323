//! Peers that were told to go, and are given the time to hear it.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::limits::limits::Limits;
use crate::net::stream::Stream;
use crate::peer::Peer;
use crate::reactor::poll::{Interest, earlier};
use crate::reactor::source::Task;
use crate::session::service::Refusal;
use crate::stream::task::Exchange;

/// Connections that an acceptor refused, until their peers have had the words: for a short time,
/// and a bounded number of them.
pub(crate) struct Leaving {
    leaving: VecDeque<Exchange>,
    limits: Limits,
}

impl Leaving {
    /// They are given less time than a conversation has.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            leaving: VecDeque::new(),
            limits: Limits {
                grace: limits.grace.min(PATIENCE),
                ..*limits
            },
        }
    }

    /// Sends `refusal` and begins to close.
    pub(crate) fn refuse(&mut self, stream: Stream, peer: Peer, refusal: Refusal) {
        let exchange = Exchange::refuse(stream, peer, refusal, &self.limits);
        if exchange.is_over() {
            return;
        }
        if self.leaving.len() == MOST {
            self.leaving.pop_front();
        }
        self.leaving.push_back(exchange);
    }

    /// Those to wait for, in the order of their numbers.
    pub(crate) fn watched(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>, Interest)> {
        let exchanges = self.leaving.iter().enumerate();
        exchanges.flat_map(|(number, exchange)| {
            let watched = exchange.watched().into_iter().flatten();
            watched.map(move |(fd, interest)| (number, fd, interest))
        })
    }

    /// When the next of them is to be told the time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.leaving.iter().map(Task::deadline).fold(None, earlier)
    }

    /// The stream of number `number` is ready or `broken`.
    pub(crate) fn attend(&mut self, number: usize, broken: bool, now: Instant) {
        self.leaving[number].attend(0, broken, &mut [], now);
    }

    /// Lets those go that have had their time.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.leaving
            .iter_mut()
            .for_each(|exchange| exchange.tick(now));
        self.leaving.retain(|exchange| !exchange.is_over());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.leaving.is_empty()
    }

    /// Closes this process's copies, as a forked child does.
    pub(crate) fn leave(&mut self) {
        self.leaving.clear();
    }
}

const MOST: usize = 64; // a flood of refusals costs no more descriptors than this
const PATIENCE: Duration = Duration::from_secs(1);
