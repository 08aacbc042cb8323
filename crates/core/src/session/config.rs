//! What a service declares about itself, per transport.

use std::borrow::Cow;

use crate::session::framing::Framing;

/// What a server must know of a service before the first session: one value per transport, from
/// [`Service::config`](crate::Service::config).
///
/// ```
/// use switchboard_core::{Config, Framing, UdpPolicy};
///
/// let config = Config::bytes().udp(UdpPolicy::Unsupported("a lost datagram would go unnoticed"));
/// assert_eq!(config.framing, Framing::Bytes);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How messages are delimited on a stream. Over datagrams each datagram is one message, and the
    /// framing only says whether line ends are removed and added.
    pub framing: Framing,
    /// What may be sent to a UDP address that is not validated yet.
    pub udp: UdpPolicy,
    /// Whether sessions may return [`Flow::Exec`](crate::Flow::Exec) from
    /// [`on_open`](crate::Session::on_open).
    pub exec: bool,
    /// Whether a line may be the first of an HTTP request. By default, a session of lines that begins
    /// with one is closed, so that no web page can use the service through the browser of a visitor.
    pub http_lines: bool,
    /// Whether sessions write to standard output. The server stops when the reader of that has closed
    /// it.
    pub stdout: bool,
    /// How a person tries the service, printed when the server starts. `{target}` stands for the
    /// arguments of `nc` that reach the server (`localhost 1212`, `-u localhost 1212`, `-U PATH`),
    /// `{address}` for `HOST:PORT`.
    pub example: Cow<'static, str>,
}

impl Config {
    /// A service whose messages are lines, tried with `nc`.
    #[must_use]
    pub fn lines() -> Self {
        Self::framed(Framing::Line)
    }

    /// The same for a service whose messages are bytes as they arrive.
    #[must_use]
    pub fn bytes() -> Self {
        Self::framed(Framing::Bytes)
    }

    /// The same with any framing.
    #[must_use]
    pub fn framed(framing: Framing) -> Self {
        Self {
            framing,
            udp: UdpPolicy::DEFAULT,
            exec: false,
            http_lines: false,
            stdout: false,
            example: "nc {target}".into(),
        }
    }

    /// Sets what may be sent to a UDP address that is not validated yet.
    #[must_use]
    pub fn udp(mut self, policy: UdpPolicy) -> Self {
        self.udp = policy;
        self
    }

    /// Allows sessions to hand their peer to a program.
    ///
    /// The server then ends all processes that a program leaves behind: it is their subreaper (prctl(2)).
    /// Processes that the service starts by itself have to stay in the process group of the server.
    #[must_use]
    pub fn exec(mut self) -> Self {
        self.exec = true;
        self
    }

    /// Delivers the [first line of an HTTP request](Self::http_lines) as any other line.
    #[must_use]
    pub fn http_lines(mut self) -> Self {
        self.http_lines = true;
        self
    }

    /// Declares that sessions write to standard output, so that the server stops when its reader has
    /// ended, as in `display | head -1`.
    #[must_use]
    pub fn stdout(mut self) -> Self {
        self.stdout = true;
        self
    }

    /// Sets the [example](Self::example).
    #[must_use]
    pub fn example(mut self, command: impl Into<Cow<'static, str>>) -> Self {
        self.example = command.into();
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::lines()
    }
}

/// What a service sends to a UDP address before the peer has proved that the address is its own.
///
/// A source address may be forged (RFC 9000, section 8; RFC 4732, section 3.1). The server limits
/// what is sent to an unverified address, so that it cannot be used to amplify an attack. All
/// unverified peers of a [host](crate::Host) share its limit, one after the other as well. Peers on
/// this machine and in [trusted networks](crate::BindOptions::trusted_networks) have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdpPolicy {
    /// At most `bytes` plus `factor` times what was received from the host. A peer whose messages are
    /// lines is asked to return a code, when it is to get more than it sent for the first time, and
    /// where the limit is reached.
    Limited {
        /// The bytes allowed regardless of what was received.
        bytes: u64,
        /// The bytes allowed for each byte received.
        factor: u64,
        /// Why the service needs this much, for the log.
        reason: &'static str,
    },
    /// Each session has a UDP port of its own, as TFTP asks for. A peer that sends to that port has
    /// received a datagram from there, so its address is valid: from then on neither the
    /// amplification limit nor the [rate limit](crate::Limits::datagrams_per_second) applies. The
    /// peer is forgotten when its session ends.
    ///
    /// A datagram to the listening port from a peer that has a session is a message of that session.
    /// A datagram to the port of another peer's session opens a session of its own on that port, and
    /// the limit applies to it.
    ///
    /// Such a service is not for a multicast group: its ports would be opened at the group.
    DedicatedPort {
        /// The bytes allowed before the address is valid, beside three times what was received.
        bytes: u64,
        /// Why the service needs this much, for the log.
        reason: &'static str,
    },
    /// The service is not offered over UDP, for this reason.
    Unsupported(&'static str),
}

impl UdpPolicy {
    /// 128 bytes plus three times what was received, the factor of QUIC (RFC 9000, section 8).
    pub const DEFAULT: Self = Self::Limited {
        bytes: 128,
        factor: 3,
        reason: "a greeting, and answers somewhat longer than the questions",
    };
}
