//! Combines a service, its limits and a concurrency model.

use std::io;
use std::sync::Arc;

use crate::exec::processes::adopt_orphans;
use crate::limits::limits::Limits;
use crate::limits::stats::Reporting;
use crate::net::listener::Listener;
use crate::peer::Transport;
use crate::reactor::signals::Signals;
use crate::server::acceptor::Setup;
use crate::server::model::{Model, events, fork, threads};
use crate::server::worker::OnReady;
use crate::session::service::Service;

/// A service with its limits and its concurrency model, ready to serve.
///
/// ```no_run
/// use switchboard_core::{BindOptions, Flow, Limits, ListenAddr, Listener, Model, Outbox, Server, service_fn};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let greet = service_fn(|name: &[u8], out: &mut Outbox| {
///     out.send(&[b"Hello, ", name].concat());
///     Ok(Flow::Close)
/// });
/// let listeners = Listener::bind(&[ListenAddr::default()], &BindOptions::default())?;
/// Server::new(greet).limits(Limits::default()).model(Model::Fork).serve(listeners)?;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    service: Arc<dyn Service>,
    limits: Limits,
    model: Model,
    signals: Option<Signals>,
    reporting: Reporting,
    on_ready: Option<OnReady>,
}

impl Server {
    /// Serves `service` by the fork model, within the default limits.
    pub fn new(service: impl Service + 'static) -> Self {
        Self::from(Arc::new(service) as Arc<dyn Service>)
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the concurrency model.
    #[must_use]
    pub fn model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// Reads signals that were blocked earlier, so that none is lost between the message that the
    /// server listens and the first call of [`serve`](Self::serve).
    #[must_use]
    pub fn signals(mut self, signals: Signals) -> Self {
        self.signals = Some(signals);
        self
    }

    /// Sets how the state of the server is written at SIGUSR1.
    #[must_use]
    pub fn reporting(mut self, reporting: Reporting) -> Self {
        self.reporting = reporting;
        self
    }

    /// Sets what is called once every listener is served, before the first session: the place to
    /// announce that the server is ready. If it fails, the server ends with its error.
    #[must_use]
    pub fn on_ready(mut self, ready: impl FnOnce() -> io::Result<()> + Send + 'static) -> Self {
        self.on_ready = Some(Box::new(ready));
        self
    }

    /// Serves every peer that arrives, until SIGTERM or SIGINT.
    ///
    /// At the first of these signals the listeners close, every session is
    /// [notified](crate::Session::on_shutdown), and has [`Limits::grace_period`] to finish; at the second
    /// one, or at the end of the grace period, the remaining connections are cut. SIGQUIT does this
    /// at once. SIGHUP stops the server as well if it has a terminal, else it has no effect. SIGUSR1
    /// writes the state of the server as [`reporting`](Self::reporting) says.
    ///
    /// Under the fork model the process must have a single thread.
    ///
    /// # Errors
    ///
    /// A process, thread or descriptor is not available at the start, the system cannot wait for
    /// descriptors, or the process has threads where it has to fork. Nothing that a peer does ends the
    /// server. Whatever was started has ended then.
    pub fn serve(self, listeners: Vec<Listener>) -> io::Result<()> {
        let signals = match self.signals {
            Some(signals) => signals,
            None => Signals::block()?,
        };
        let transports = [Transport::Stream, Transport::Datagram];
        if transports
            .iter()
            .any(|&over| self.service.config(over).exec)
        {
            adopt_orphans();
        }
        let mut setup = Setup {
            listeners,
            service: self.service,
            limits: self.limits,
            signals,
            reporting: self.reporting,
            on_ready: self.on_ready,
        };
        match self.model {
            Model::Fork => fork::serve(setup),
            Model::Threads => threads::serve(setup),
            Model::Events => events::serve(setup),
            Model::Sequential => {
                setup.limits.max_clients = 1;
                threads::serve(setup)
            }
        }
    }
}

impl From<Arc<dyn Service>> for Server {
    fn from(service: Arc<dyn Service>) -> Self {
        Self {
            service,
            limits: Limits::default(),
            model: Model::default(),
            signals: None,
            reporting: Reporting::default(),
            on_ready: None,
        }
    }
}
