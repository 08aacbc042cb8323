//! The counters of a server, and its report at SIGUSR1.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nix::unistd::Pid;
use serde::{Serialize, Serializer};

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
    Accepted,       // sessions started
    RefusedHost,    // too many sessions from one host at the same time
    RefusedRate,    // too many sessions from one host per unit of time
    RefusedBusy,    // no process or thread could be started, or the server was shutting down
    RefusedService, // refused by the service
    Failed,         // sessions that failed because of the service
    Received,       // bytes
    Sent,           // bytes
    Dropped,        // datagrams that got no reply
}

/// A line of the report, in the order of its fields.
struct Fields(Vec<(&'static str, Field)>);

#[derive(Serialize)]
#[serde(untagged)]
enum Field {
    Number(u64),
    Text(String),
    Group(Fields),
}

impl Stats {
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

    pub(crate) fn count(self, counter: Counter, more: u64) {
        self.counters[counter as usize].fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn total(self, counter: Counter) -> u64 {
        self.counters[counter as usize].load(Ordering::Relaxed)
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

    /// The number of open sessions of the whole server.
    pub(crate) fn live(self) -> u64 {
        let gauges = self.counters[COUNTERS..].iter();
        gauges.map(|gauge| gauge.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn report_session(
        self,
        peer: &Peer,
        pid: Option<Pid>,
        began: Instant,
        bytes: Option<&ByteCounters>,
    ) {
        let mut fields = vec![
            ("peer", Field::Text(peer.to_string())),
            ("local", Field::Text(peer.local.to_string())),
        ];
        fields.extend(pid.map(|pid| ("pid", Field::Number(pid.as_raw().unsigned_abs().into()))));
        fields.push(("seconds", Field::Number(began.elapsed().as_secs())));
        let bytes = bytes.into_iter().flatten();
        let bytes = bytes.map(|count| Field::Number(count.load(Ordering::Relaxed)));
        fields.extend(["received", "sent"].into_iter().zip(bytes));
        self.write("session", &Fields(fields));
    }

    pub(crate) fn report_counters(self) {
        let get = |counter| Field::Number(self.counters[counter as usize].load(Ordering::Relaxed));
        let refused = vec![
            ("host", get(Counter::RefusedHost)),
            ("rate", get(Counter::RefusedRate)),
            ("busy", get(Counter::RefusedBusy)),
            ("service", get(Counter::RefusedService)),
        ];
        let fields = vec![
            ("live", Field::Number(self.live())),
            ("accepted", get(Counter::Accepted)),
            ("refused", Field::Group(Fields(refused))),
            ("failed", get(Counter::Failed)),
            ("received", get(Counter::Received)),
            ("sent", get(Counter::Sent)),
            ("dropped", get(Counter::Dropped)),
        ];
        self.write("counters", &Fields(fields));
    }

    fn write(self, kind: &str, fields: &Fields) {
        let mut line = kind.to_owned();
        if self.reporting.json {
            let value = serde_json::to_string(fields).expect("numbers and text can be serialized");
            line = format!("{{\"{kind}\":{value}}}");
        } else {
            fields.append_to(&mut line, "");
        }
        (self.reporting.write)((line + "\n").as_bytes());
    }
}

impl Fields {
    /// Appends ` name=value` for each field. `prefix` is put before the names.
    fn append_to(&self, line: &mut String, prefix: &str) {
        for (name, field) in &self.0 {
            match field {
                Field::Number(value) => *line += &format!(" {prefix}{name}={value}"),
                Field::Text(value) => *line += &format!(" {prefix}{name}={value}"),
                Field::Group(fields) => fields.append_to(line, &format!("{prefix}{name}-")),
            }
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, field)| (name, field)))
    }
}

/// The bytes received and sent by one session, readable from any process of the server.
pub(crate) type ByteCounters = [AtomicU64; 2];

/// Byte counters for this many sessions at the same time, but at most a million. The kernel allocates
/// a page when it is first used.
pub(crate) fn byte_counters(sessions: usize) -> io::Result<&'static [ByteCounters]> {
    let counters = process::shared_counters(2 * sessions.clamp(1, MAX_SESSIONS))?;
    Ok(counters.as_chunks().0)
}

const MAX_SESSIONS: usize = 1 << 20;
const COUNTERS: usize = Counter::Dropped as usize + 1;
const GAUGES: usize = 64; // with more UDP sockets, the last ones share a gauge
