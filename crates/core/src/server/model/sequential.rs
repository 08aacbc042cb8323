//! The sequential model: one peer after the other.

use std::io;
use std::sync::Arc;

use crate::limits::limits::Limits;
use crate::net::listener::Listener;
use crate::reactor::signals::Signals;
use crate::server::acceptor;
use crate::server::model::threads::Threads;
use crate::session::service::Service;

/// Serves every peer that arrives, one after the other, until SIGTERM or SIGINT. The next one waits
/// in the backlog.
///
/// The session that is open then is told to stop, and has `limits.grace` to end, or until the
/// second signal. It runs in a thread beside the one that accepts, so that a session that does not
/// come back cannot keep the server from stopping; its thread then ends with the process.
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
    let limits = Limits {
        clients: 1,
        ..*limits
    };
    let mut threads = Threads::new(service, &limits)?;
    acceptor::serve(listeners, &mut threads, &limits, signals)
}
