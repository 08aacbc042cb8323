//! The options of `connect`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use switchboard_client::{ConnectOptions, DuplexOptions, EofPolicy, PeerEofPolicy, Source};
use switchboard_core::ListenAddr;
use switchboard_services::units::{Limit, or_none, time, timeout};

use crate::connect::address;
use crate::error::Failure;
use crate::family::FamilyOptions;

#[derive(Args)]
pub(crate) struct Options {
    /// The server: HOST:PORT, [V6]:PORT, PORT (of this machine), HOST (with port 1212), each also with
    /// udp:// in front, unix:PATH, or unix:@NAME (abstract)
    #[arg(value_name = "ADDR")]
    address: String,

    /// The port, if ADDR is a host or an IP address alone
    #[arg(value_name = "PORT")]
    port: Option<String>,

    /// Use UDP, as udp://HOST:PORT does; each read of the input is a datagram
    #[arg(short, long, help_heading = "Connection")]
    udp: bool,

    #[command(flatten, next_help_heading = "Connection")]
    family: FamilyOptions,

    /// Connect from this address of the machine: IP, :PORT, IP:PORT, or [V6]:PORT
    #[arg(short, long, value_name = "ADDR", value_parser = source, help_heading = "Connection")]
    source: Option<Source>,

    /// Give up if no connection is made within this time, or never with none
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = or_none(timeout), help_heading = "Connection")]
    connect_timeout: Limit<Duration>,

    /// End with an error if nothing is sent or received for this time
    #[arg(long, value_name = "TIME", default_value = "none", value_parser = or_none(timeout), help_heading = "End")]
    idle_timeout: Limit<Duration>,

    /// At the end of input: half (close the sending side and wait for the server to close), close (at
    /// once), wait:TIME (as half, but end when nothing arrives for this time), or ignore
    /// [default: half; over UDP wait:1s]
    #[arg(long, value_name = "WHAT", value_parser = eof, help_heading = "End")]
    eof: Option<EofPolicy>,

    /// When the server has closed and the input has not ended: wait:TIME (end when there is no input
    /// for this time), or ignore (send until the input ends). Typed input ends at once
    #[arg(long, value_name = "WHAT", default_value = "wait:1s", value_parser = peer_eof, help_heading = "End")]
    peer_eof: PeerEofPolicy,

    /// On a terminal, print the bytes of the server as they are: control characters act on the
    /// terminal
    #[arg(long, help_heading = "Output")]
    pub(super) raw: bool,
}

impl Options {
    /// The address to connect to.
    ///
    /// # Errors
    ///
    /// Wrong usage.
    pub(super) fn address(&self) -> Result<ListenAddr, Failure> {
        address::parse(&self.address, self.port.as_deref(), self.udp).map_err(Failure::Usage)
    }

    pub(super) fn connect_options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new(self.connect_timeout);
        options.family = self.family.only();
        options.source = self.source;
        options
    }

    pub(super) fn for_streams(&self) -> DuplexOptions {
        let mut options = DuplexOptions::default();
        options.eof = self.eof.unwrap_or(EofPolicy::Half);
        options.peer_eof = self.peer_eof;
        options.idle_timeout = self.idle_timeout;
        options
    }

    pub(super) fn for_datagrams(&self) -> DuplexOptions {
        let mut options = self.for_streams();
        options.eof = self.eof.unwrap_or(EofPolicy::Wait(ANSWER_TIME));
        options
    }
}

fn source(text: &str) -> Result<Source, &'static str> {
    let mut source = Source::default();
    if let Ok(ip) = text.parse() {
        source.ip = Some(ip);
    } else if let Some(port) = text.strip_prefix(':') {
        source.port = port.parse().map_err(|_| SOURCE_FORMS)?;
    } else if let Ok(address) = text.parse::<SocketAddr>() {
        (source.ip, source.port) = (Some(address.ip()), address.port());
    } else {
        let ip = text.trim_start_matches('[').trim_end_matches(']');
        source.ip = Some(ip.parse().map_err(|_| SOURCE_FORMS)?);
    }
    Ok(source)
}

fn eof(text: &str) -> Result<EofPolicy, String> {
    match text {
        "half" => Ok(EofPolicy::Half),
        "close" => Ok(EofPolicy::Close),
        "ignore" => Ok(EofPolicy::Ignore),
        _ => match wait(text) {
            Some(time) => time.map(EofPolicy::Wait),
            None => Err("use half, close, wait:TIME or ignore".to_owned()),
        },
    }
}

fn peer_eof(text: &str) -> Result<PeerEofPolicy, String> {
    match text {
        "ignore" => Ok(PeerEofPolicy::Ignore),
        _ => match wait(text) {
            Some(time) => time.map(PeerEofPolicy::Wait),
            None => Err("use wait:TIME or ignore".to_owned()),
        },
    }
}

fn wait(text: &str) -> Option<Result<Duration, String>> {
    let text = text.strip_prefix("wait:")?;
    Some(time(text).map_err(|error| error.to_string()))
}

const SOURCE_FORMS: &str = "use an address of this machine: IP, :PORT, IP:PORT or [V6]:PORT";
/// How long a UDP client waits for further answers after the end of input.
const ANSWER_TIME: Duration = Duration::from_secs(1);

pub(crate) const HELP: &str = "\
Examples:
  switchboard connect localhost 1212        what is typed is sent, what arrives is printed
  switchboard connect server:80 < request   send a file, print the answer
  switchboard connect -u server 1212        over UDP: each line is a datagram
  switchboard connect unix:/run/my.socket
  switchboard connect -v server 1212        each attempt, and which side ended the connection

In a pipe, bytes are not changed. On a terminal, control characters of the server are shown as text.
Notes and errors are on standard error. With -q, errors have no hints.

Exit codes: 0 the connection ended in order, 1 it broke or a time limit passed, 2 wrong usage, 69 no
connection, 74 standard input or output failed, 128 and the number of a signal that ended it.";
