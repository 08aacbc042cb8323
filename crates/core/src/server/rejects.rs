//! Refused connections.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::limits::Limits;
use crate::net::stream::Stream;
use crate::reactor::reactor::{Reactor, SourceId};
use crate::reactor::source::EventSource;
use crate::session::service::Refusal;
use crate::stream::task::StreamTask;

/// The connections that the acceptor refused, until each peer has received its message: for a short
/// time, and a limited number of them. The reactor of the acceptor drives them.
pub(crate) struct Rejects {
    ids: VecDeque<SourceId>,
    limits: Limits,
}

impl Rejects {
    /// Their grace period is at most a second.
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut limits = *limits;
        limits.grace_period = limits.grace_period.min(MAX_GRACE);
        Self {
            ids: VecDeque::new(),
            limits,
        }
    }

    /// Sends `refusal` to the peer, and closes the connection.
    pub(crate) fn refuse(&mut self, reactor: &mut Reactor, stream: Stream, refusal: Refusal) {
        let task = StreamTask::refuse(stream, refusal, &self.limits);
        if task.is_done() {
            return;
        }
        self.ids.retain(|&id| reactor.contains(id));
        if self.ids.len() == MAX_REJECTS
            && let Some(oldest) = self.ids.pop_front()
        {
            reactor.discard(oldest);
        }
        self.ids.push_back(reactor.add(Box::new(task)));
    }
}

const MAX_REJECTS: usize = 64; // each keeps a descriptor open
const MAX_GRACE: Duration = Duration::from_secs(1);
