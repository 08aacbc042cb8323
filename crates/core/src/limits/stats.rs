//! What a server has done and is doing, for whoever asks by SIGUSR1.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nix::unistd::Pid;
use serde::Serialize;

use crate::peer::Peer;
use crate::sys::process;

/// How a server tells what it is doing.
#[derive(Clone, Copy, Debug)]
pub struct Reporting {
    /// Each line as a JSON object.
    pub json: bool,
    /// Where each line goes; it is called with one whole line at a time.
    pub write: fn(&[u8]),
}

impl Default for Reporting {
    /// In words, on standard error.
    fn default() -> Self {
        let write = |line: &[u8]| {
            // Where nobody reads it there is nobody to tell.
            io::Write::write_all(&mut io::stderr(), line).ok();
        };
        Self { json: false, write }
    }
}

/// The counters of a server, which all its processes and threads count on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    counters: &'static [AtomicU64],
    live: usize, // which of them counts the conversations held here
    reporting: Reporting,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Conversations begun.
    Accepted,
    /// Refused: too many at once from one host.
    RefusedHost,
    /// Refused: too many from one host in a short time.
    RefusedRate,
    /// Refused: no room for another process or thread, or the server was stopping.
    RefusedBusy,
    /// Refused by the service itself.
    RefusedService,
    /// Conversations ended by a fault of the service.
    Failed,
    /// Bytes received.
    Received,
    /// Bytes sent.
    Sent,
    /// Datagrams that were not answered.
    Dropped,
}

/// One conversation, as it is told.
#[derive(Serialize)]
struct Line<'a> {
    peer: &'a str,
    local: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    seconds: u64,
    received: u64,
    sent: u64,
}

/// The counters, as they are told.
#[derive(Serialize)]
struct Counters {
    live: u64,
    accepted: u64,
    refused: Refused,
    failed: u64,
    received: u64,
    sent: u64,
    dropped: u64,
}

#[derive(Serialize)]
struct Refused {
    host: u64,
    rate: u64,
    busy: u64,
    service: u64,
}

impl State {
    /// # Errors
    ///
    /// No memory.
    pub(crate) fn new(reporting: Reporting) -> io::Result<Self> {
        Ok(Self {
            counters: process::shared_counters(COUNTERS + GAUGES)?,
            live: COUNTERS,
            reporting,
        })
    }

    /// For rehearsals, whose counters nobody reads.
    pub(crate) fn uncounted() -> Self {
        static COUNTED: [AtomicU64; COUNTERS + GAUGES] =
            [const { AtomicU64::new(0) }; COUNTERS + GAUGES];
        Self {
            counters: &COUNTED,
            live: COUNTERS,
            reporting: Reporting::default(),
        }
    }

    /// Counts `more`.
    pub(crate) fn count(self, what: Count, more: u64) {
        self.counters[what as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// For the conversations of a socket for datagrams, of which there are none yet. They are counted
    /// for themselves: should their process be killed, nobody counts them down.
    pub(crate) fn of_socket(self, number: usize) -> Self {
        let live = COUNTERS + (1 + number).min(GAUGES - 1);
        self.counters[live].store(0, Ordering::Relaxed);
        Self { live, ..self }
    }

    /// A conversation has begun.
    pub(crate) fn enter(self) {
        self.counters[self.live].fetch_add(1, Ordering::Relaxed);
    }

    /// A conversation has ended.
    pub(crate) fn leave(self) {
        self.counters[self.live].fetch_sub(1, Ordering::Relaxed);
    }

    fn live(self) -> u64 {
        let gauges = self.counters[COUNTERS..].iter();
        gauges.map(|gauge| gauge.load(Ordering::Relaxed)).sum()
    }

    fn get(self, what: Count) -> u64 {
        self.counters[what as usize].load(Ordering::Relaxed)
    }

    /// Tells of one conversation.
    pub(crate) fn tell_session(self, peer: &Peer, pid: Option<Pid>, began: Instant, meter: Meter) {
        let (shown, local) = (peer.to_string(), peer.local.to_string());
        let (received, sent) = meter.read();
        let line = Line {
            peer: &shown,
            local: &local,
            pid: pid.map(Pid::as_raw),
            seconds: began.elapsed().as_secs(),
            received,
            sent,
        };
        self.tell("session", &line, || {
            let pid = pid.map(|pid| format!(" pid={pid}")).unwrap_or_default();
            let seconds = line.seconds;
            format!("session peer={shown} local={local}{pid} seconds={seconds} received={received} sent={sent}")
        });
    }

    /// Tells the counters.
    pub(crate) fn tell_counters(self) {
        let refused = Refused {
            host: self.get(Count::RefusedHost),
            rate: self.get(Count::RefusedRate),
            busy: self.get(Count::RefusedBusy),
            service: self.get(Count::RefusedService),
        };
        let all = Counters {
            live: self.live(),
            accepted: self.get(Count::Accepted),
            refused,
            failed: self.get(Count::Failed),
            received: self.get(Count::Received),
            sent: self.get(Count::Sent),
            dropped: self.get(Count::Dropped),
        };
        self.tell("counters", &all, || {
            let Counters {
                live,
                accepted,
                refused,
                failed,
                received,
                sent,
                dropped,
            } = &all;
            let Refused {
                host,
                rate,
                busy,
                service,
            } = refused;
            format!(
                "counters live={live} accepted={accepted} refused-host={host} refused-rate={rate} \
                 refused-busy={busy} refused-service={service} failed={failed} received={received} \
                 sent={sent} dropped={dropped}"
            )
        });
    }

    fn tell(self, kind: &str, what: &impl Serialize, words: impl FnOnce() -> String) {
        let line = if self.reporting.json {
            let value = serde_json::to_string(what).expect("numbers and words can be written");
            format!("{{\"{kind}\":{value}}}\n")
        } else {
            words() + "\n"
        };
        (self.reporting.write)(line.as_bytes());
    }
}

/// What one conversation has moved, to be read from any process of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter(&'static [AtomicU64]);

impl Meter {
    pub(crate) fn count(self, received: u64, sent: u64) {
        self.0[0].fetch_add(received, Ordering::Relaxed);
        self.0[1].fetch_add(sent, Ordering::Relaxed);
    }

    fn read(self) -> (u64, u64) {
        let read = |number: usize| self.0[number].load(Ordering::Relaxed);
        (read(0), read(1))
    }
}

/// A meter for each conversation of a server.
#[derive(Debug)]
pub(crate) struct Meters(&'static [AtomicU64]);

impl Meters {
    /// Meters for so many conversations at the same time. Memory that is not used costs nothing.
    ///
    /// # Errors
    ///
    /// No memory.
    pub(crate) fn new(conversations: usize) -> io::Result<Self> {
        let count = 2 * conversations.clamp(1, MOST);
        Ok(Self(process::shared_counters(count)?))
    }

    /// For rehearsals: one for all, since nobody reads it.
    pub(crate) fn unread() -> Self {
        static METERED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
        Self(&METERED)
    }

    /// The meter of the conversation in place `number`, at zero. Beyond a million they are shared.
    pub(crate) fn of(&self, number: usize) -> Meter {
        let start = 2 * number % self.0.len();
        let meter = Meter(&self.0[start..start + 2]);
        meter
            .0
            .iter()
            .for_each(|counter| counter.store(0, Ordering::Relaxed));
        meter
    }
}

const MOST: usize = 1 << 20;
const COUNTERS: usize = Count::Dropped as usize + 1;
const GAUGES: usize = 64; // beyond so many sockets for datagrams, the last ones share theirs
