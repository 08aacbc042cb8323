//! The counters of a server, and its report at SIGUSR1.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nix::unistd::Pid;
use serde::Serialize;

use crate::peer::Peer;
use crate::sys::process;

/// How a server writes its report at SIGUSR1: a line for each session, and one with the counters.
///
/// The default is text on standard error.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Reporting {
    /// Whether each line is a JSON object.
    pub json: bool,
    /// Writes one whole line, with its line end.
    pub write: fn(&[u8]),
}

impl Default for Reporting {
    fn default() -> Self {
        let write = |line: &[u8]| {
            // If standard error cannot be written, there is nowhere to report that.
            io::Write::write_all(&mut io::stderr(), line).ok();
        };
        Self { json: false, write }
    }
}

/// The counters of a server, shared by all its processes and threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stats {
    counters: &'static [AtomicU64],
    live: usize, // the index of the gauge that counts the open sessions of this process
    reporting: Reporting,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Sessions started.
    Accepted,
    /// Refused: too many sessions from one host at the same time.
    RefusedHost,
    /// Refused: too many sessions from one host per unit of time.
    RefusedRate,
    /// Refused: no process or thread could be started, or the server was shutting down.
    RefusedBusy,
    /// Refused by the service.
    RefusedService,
    /// Sessions that failed because of the service.
    Failed,
    /// Bytes received.
    Received,
    /// Bytes sent.
    Sent,
    /// Datagrams that got no reply.
    Dropped,
}

/// The report of one session.
#[derive(Serialize)]
struct SessionReport<'a> {
    peer: &'a str,
    local: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    seconds: u64,
    received: u64,
    sent: u64,
}

/// The report of the counters.
#[derive(Serialize)]
struct CounterReport {
    live: u64,
    accepted: u64,
    refused: RefusedReport,
    failed: u64,
    received: u64,
    sent: u64,
    dropped: u64,
}

#[derive(Serialize)]
struct RefusedReport {
    host: u64,
    rate: u64,
    busy: u64,
    service: u64,
}

impl Stats {
    /// # Errors
    ///
    /// No memory is available.
    pub(crate) fn new(reporting: Reporting) -> io::Result<Self> {
        Ok(Self {
            counters: process::shared_counters(COUNTERS + GAUGES)?,
            live: COUNTERS,
            reporting,
        })
    }

    /// For tests, which do not read the counters.
    pub(crate) fn uncounted() -> Self {
        static UNREAD: [AtomicU64; COUNTERS + GAUGES] =
            [const { AtomicU64::new(0) }; COUNTERS + GAUGES];
        Self {
            counters: &UNREAD,
            live: COUNTERS,
            reporting: Reporting::default(),
        }
    }

    /// Adds to a counter.
    pub(crate) fn count(self, counter: Counter, more: u64) {
        self.counters[counter as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// The same counters for a UDP socket of this index, with a gauge of open sessions of its own,
    /// reset to zero. If the process of the socket is killed, the next one resets the gauge.
    pub(crate) fn for_udp_socket(self, index: usize) -> Self {
        let live = COUNTERS + (1 + index).min(GAUGES - 1);
        self.counters[live].store(0, Ordering::Relaxed);
        Self { live, ..self }
    }

    pub(crate) fn session_opened(self) {
        self.counters[self.live].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn session_closed(self) {
        self.counters[self.live].fetch_sub(1, Ordering::Relaxed);
    }

    fn live(self) -> u64 {
        let gauges = self.counters[COUNTERS..].iter();
        gauges.map(|gauge| gauge.load(Ordering::Relaxed)).sum()
    }

    fn get(self, counter: Counter) -> u64 {
        self.counters[counter as usize].load(Ordering::Relaxed)
    }

    /// Reports one session.
    pub(crate) fn report_session(
        self,
        peer: &Peer,
        pid: Option<Pid>,
        began: Instant,
        bytes: ByteCounters,
    ) {
        let (peer, local) = (peer.to_string(), peer.local.to_string());
        let (received, sent) = bytes.read();
        let report = SessionReport {
            peer: &peer,
            local: &local,
            pid: pid.map(Pid::as_raw),
            seconds: began.elapsed().as_secs(),
            received,
            sent,
        };
        self.write("session", &report, || {
            let pid = pid.map(|pid| format!(" pid={pid}")).unwrap_or_default();
            let seconds = report.seconds;
            format!(
                "session peer={peer} local={local}{pid} seconds={seconds} received={received} sent={sent}"
            )
        });
    }

    /// Reports the counters.
    pub(crate) fn report_counters(self) {
        let report = CounterReport {
            live: self.live(),
            accepted: self.get(Counter::Accepted),
            refused: RefusedReport {
                host: self.get(Counter::RefusedHost),
                rate: self.get(Counter::RefusedRate),
                busy: self.get(Counter::RefusedBusy),
                service: self.get(Counter::RefusedService),
            },
            failed: self.get(Counter::Failed),
            received: self.get(Counter::Received),
            sent: self.get(Counter::Sent),
            dropped: self.get(Counter::Dropped),
        };
        self.write("counters", &report, || {
            let (counted, refused) = (&report, &report.refused);
            format!(
                "counters live={} accepted={} refused-host={} refused-rate={} refused-busy={} \
                 refused-service={} failed={} received={} sent={} dropped={}",
                counted.live,
                counted.accepted,
                refused.host,
                refused.rate,
                refused.busy,
                refused.service,
                counted.failed,
                counted.received,
                counted.sent,
                counted.dropped
            )
        });
    }

    fn write(self, kind: &str, report: &impl Serialize, text: impl FnOnce() -> String) {
        let line = if self.reporting.json {
            let value = serde_json::to_string(report).expect("numbers and text can be serialized");
            format!("{{\"{kind}\":{value}}}\n")
        } else {
            text() + "\n"
        };
        (self.reporting.write)(line.as_bytes());
    }
}

/// The bytes received and sent by one session, readable from any process of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteCounters(&'static [AtomicU64]);

impl ByteCounters {
    pub(crate) fn count(self, received: u64, sent: u64) {
        self.0[0].fetch_add(received, Ordering::Relaxed);
        self.0[1].fetch_add(sent, Ordering::Relaxed);
    }

    fn read(self) -> (u64, u64) {
        let read = |index: usize| self.0[index].load(Ordering::Relaxed);
        (read(0), read(1))
    }
}

/// The byte counters of all sessions of a server.
#[derive(Debug)]
pub(crate) struct ByteCounterTable(&'static [AtomicU64]);

impl ByteCounterTable {
    /// For this many sessions at the same time. The kernel allocates a page when it is first used.
    ///
    /// # Errors
    ///
    /// No memory is available.
    pub(crate) fn new(sessions: usize) -> io::Result<Self> {
        let count = 2 * sessions.clamp(1, MAX_SESSIONS);
        Ok(Self(process::shared_counters(count)?))
    }

    /// For tests, which do not read the counters: the same for every session.
    pub(crate) fn unread() -> Self {
        static UNREAD: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
        Self(&UNREAD)
    }

    /// The counters of the session in this slot, reset to zero. Above a million slots, several
    /// sessions share counters.
    pub(crate) fn of_slot(&self, slot: usize) -> ByteCounters {
        let start = 2 * slot % self.0.len();
        let bytes = ByteCounters(&self.0[start..start + 2]);
        bytes
            .0
            .iter()
            .for_each(|counter| counter.store(0, Ordering::Relaxed));
        bytes
    }
}

const MAX_SESSIONS: usize = 1 << 20;
const COUNTERS: usize = Counter::Dropped as usize + 1;
const GAUGES: usize = 64; // with more UDP sockets, the last ones share a gauge
