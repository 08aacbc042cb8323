//! Conversations in threads of one process.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};
use tracing::debug;

use crate::acceptor::{Arrived, Crew, Front, Unbegun};
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::hold::{StopSource, hold};
use crate::limits::{Limits, READ_BYTES};
use crate::service::Service;

/// A thread for each conversation.
///
/// At a stop, a thread that does not come back from its session is left behind: it ends with the
/// process.
pub(crate) struct Threads {
    service: Arc<dyn Service>,
    limits: Arc<Limits>,
    talking: HashMap<u64, Arc<Bell>>,
    begun: u64,
    ended: Receiver<u64>,
    ends: Ends,
}

/// Rung from one thread to wake another that waits for descriptors.
struct Bell(EventFd);

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
    pub(crate) fn new(service: Arc<dyn Service>, limits: Limits) -> io::Result<Self> {
        let (sender, ended) = mpsc::channel();
        let bell = Arc::new(Bell::new()?);
        Ok(Self {
            service,
            limits: Arc::new(limits),
            talking: HashMap::new(),
            begun: 0,
            ended,
            ends: Ends {
                ended: sender,
                bell,
            },
        })
    }

    /// Starts the thread of conversation `number`. What could not be started stays in `arrived`.
    fn start(
        &self,
        number: u64,
        bell: Arc<Bell>,
        arrived: Arc<Mutex<Option<Arrived>>>,
    ) -> io::Result<()> {
        let (service, limits) = (Arc::clone(&self.service), Arc::clone(&self.limits));
        let teller = Teller {
            number,
            ends: self.ends.clone(),
        };
        thread::Builder::new().spawn(move || {
            let _teller = teller; // dropped last, when the slot is free
            let arrived = arrived
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(Arrived {
                stream,
                peer,
                slot: _slot,
            }) = arrived
            {
                let connection = Connection::open(&*service, &peer, &limits);
                let exchange = Exchange::begin(stream, peer, connection, &limits, Instant::now());
                hold(exchange, &*bell, &mut vec![0; READ_BYTES]);
            }
        })?;
        Ok(())
    }
}

impl Crew for Threads {
    const DEED: &'static str = "start a thread";

    fn begin(&mut self, arrived: Arrived, _: &mut Front<'_>) -> Result<(), Unbegun> {
        let name = arrived.peer.to_string();
        let shared = Arc::new(Mutex::new(Some(arrived)));
        let number = self.begun;
        self.begun += 1; // also where it fails: its end is told all the same
        let started = Bell::new().and_then(|bell| {
            let bell = Arc::new(bell);
            self.start(number, Arc::clone(&bell), Arc::clone(&shared))?;
            Ok(bell)
        });
        match started {
            Ok(bell) => {
                debug!(peer = %name, thread = number, "begin");
                self.talking.insert(number, bell);
                Ok(())
            }
            Err(error) => {
                let arrived = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
                let arrived = arrived.expect("a thread that did not start took nothing");
                Err(Unbegun { arrived, error })
            }
        }
    }

    fn ends(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ends.bell.as_fd())
    }

    fn reap(&mut self) {
        self.ends.bell.is_rung();
        for number in self.ended.try_iter() {
            self.talking.remove(&number);
        }
    }

    fn len(&self) -> usize {
        self.talking.len()
    }

    fn stop(&mut self) {
        self.talking.values().for_each(|bell| bell.ring());
    }

    fn cut(&mut self) {
        self.talking.clear();
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        // Where nobody listens any more, the acceptor has gone already.
        self.ends.ended.send(self.number).ok();
        self.ends.bell.ring();
    }
}

impl Bell {
    fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self(EventFd::from_flags(flags)?))
    }

    fn ring(&self) {
        // It fails only where it was rung 2^64 times unheard.
        self.0.write(1).ok();
    }

    /// Whether it was rung since the last look.
    fn is_rung(&self) -> bool {
        self.0.read().is_ok()
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl StopSource for Bell {
    fn is_asked(&self) -> bool {
        self.is_rung()
    }
}
