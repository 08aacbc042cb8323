//! The options of `connect`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use switchboard_client::{ConnectOptions, DuplexOptions, EofPolicy, Source};
use switchboard_core::{Family, ListenAddr};
use switchboard_services::units::{Limit, or_none, time, timeout};

use crate::error::Failure;

#[derive(Args)]
pub(crate) struct Options {
    /// Address of the peer: PORT (of this machine), HOST:PORT, [V6]:PORT, each also with udp:// in
    /// front, unix:PATH, or unix:@NAME (abstract)
    #[arg(value_name = "ADDR", required_unless_present = "listen")]
    address: Option<String>,

    /// The port, if ADDR is a host alone
    #[arg(value_name = "PORT")]
    port: Option<u16>,

    /// Wait for one peer at this address instead, as `nc -l` does
    #[arg(short, long, value_name = "ADDR", conflicts_with = "address")]
    listen: Option<ListenAddr>,

    /// With --listen, serve one peer after the other, until a signal
    #[arg(short, long, requires = "listen")]
    pub(super) keep: bool,

    /// Use UDP, as udp://HOST:PORT does
    #[arg(short, long)]
    udp: bool,

    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,

    /// Connect from this address of the machine: IP, :PORT, IP:PORT, or [V6]:PORT
    #[arg(short, long, value_name = "ADDR", value_parser = source)]
    source: Option<Source>,

    /// Give up if no connection is made within this time, or never with none
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = or_none(timeout))]
    connect_timeout: Limit<Duration>,

    /// End if nothing is sent or received for this time
    #[arg(long, value_name = "TIME", default_value = "none", value_parser = or_none(timeout))]
    idle_timeout: Limit<Duration>,

    /// At the end of input: half (close the sending side, then wait for the peer to close), close (at
    /// once), wait:TIME (as half, but end when nothing arrives for this time), or ignore
    /// [default: half; over UDP wait:1s]
    #[arg(long, value_name = "WHAT", value_parser = eof)]
    eof: Option<EofPolicy>,

    /// End the input after a line that is this word, in any case
    #[arg(long, value_name = "WORD", help_heading = "Messages")]
    pub(super) quit_word: Option<String>,

    /// Send CR LF for each line end, and print LF for CR LF
    #[arg(long, help_heading = "Messages")]
    pub(super) crlf: bool,

    /// Let the first byte of the peer choose the role: 1 sends, 2 only receives (serve forward)
    #[arg(long, help_heading = "Messages")]
    pub(super) roles: bool,

    /// On a terminal, print the bytes of the peer as they are, and edit no lines: control characters
    /// act on the terminal
    #[arg(long, help_heading = "Output")]
    pub(super) raw: bool,

    /// Print a hex dump of both directions, with times, instead of what arrives
    #[arg(long, help_heading = "Output")]
    pub(super) hex: bool,

    /// Write a hex dump of both directions, with times, to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) record: Option<PathBuf>,

    /// Send what was sent in this recording, at the same times, instead of standard input
    #[arg(long, value_name = "FILE", help_heading = "Messages")]
    pub(super) replay: Option<PathBuf>,
}

impl Options {
    /// The address to connect to.
    pub(super) fn address(&self) -> Result<ListenAddr, Failure> {
        let text = self.address.as_deref().unwrap_or_default();
        let text = match self.port {
            Some(port) if text.contains(':') && !text.starts_with('[') => {
                format!("[{text}]:{port}")
            }
            Some(port) => format!("{text}:{port}"),
            None => text.to_owned(),
        };
        let address = text.parse();
        let address: ListenAddr = address.map_err(|error| Failure::Usage(format!("{error}")))?;
        Ok(match address {
            ListenAddr::Tcp(host) if self.udp => ListenAddr::Udp(host),
            address => address,
        })
    }

    pub(super) fn connect_options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new(self.connect_timeout);
        options.family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        };
        options.source = self.source;
        options
    }

    pub(super) fn duplex_options(&self) -> DuplexOptions {
        let mut options = DuplexOptions::default();
        options.eof = self.eof.unwrap_or(EofPolicy::Half);
        options.idle_timeout = self.idle_timeout;
        options
    }
}

fn eof(text: &str) -> Result<EofPolicy, String> {
    match text.split_once(':') {
        None if text == "half" => Ok(EofPolicy::Half),
        None if text == "close" => Ok(EofPolicy::Close),
        None if text == "ignore" => Ok(EofPolicy::Ignore),
        Some(("wait", after)) => Ok(EofPolicy::Wait(
            time(after).map_err(|error| error.to_string())?,
        )),
        _ => Err("use half, close, wait:TIME or ignore".to_owned()),
    }
}

fn source(text: &str) -> Result<Source, String> {
    let mut source = Source::default();
    let (ip, port) = match text.rsplit_once(':') {
        Some((ip, port)) if ip.is_empty() || !ip.contains(':') || ip.starts_with('[') => {
            (ip.trim_matches(['[', ']']), Some(port))
        }
        _ => (text.trim_matches(['[', ']']), None),
    };
    let wrong = |_| "use IP, :PORT, IP:PORT or [V6]:PORT".to_owned();
    if !ip.is_empty() {
        source.ip = Some(
            ip.parse::<IpAddr>()
                .map_err(|error| wrong(error.to_string()))?,
        );
    }
    if let Some(port) = port {
        source.port = port.parse().map_err(|_| wrong(String::new()))?;
    }
    Ok(source)
}

pub(crate) const HELP: &str = "\
Examples:
  switchboard connect server:1212           talk to a server
  switchboard connect -u server 1212        over UDP
  switchboard connect server:80 < request   send a file, print the answer
  switchboard connect --listen :1212        wait for a peer, as nc -l

Exit codes: 0 fine, 1 the connection broke, 2 wrong usage, 69 no connection, 74 reading or writing
failed.";
