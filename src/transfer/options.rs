//! The options of `get`, `put` and `list`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use switchboard_client::{
    Client, ConnectOptions, Connector, Destination, RemoteWalk, Stop, Target, TftpOptions,
};
use switchboard_core::ListenAddr;
use switchboard_files::Name;
use switchboard_files::tftp::Mode;
use switchboard_services::units::{Limit, count, or_none, size_in, timeout};

use crate::error::Failure;
use crate::family::FamilyOptions;
use crate::json::JsonOption;
use crate::log;

#[derive(Args)]
pub(crate) struct GetOptions {
    #[command(flatten)]
    pub(super) server: ServerOptions,

    /// Paths on the server
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<OsString>,

    /// Write to this file, or to standard output if it is -; an existing device or pipe is written to
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["directory", "recursive"])]
    pub(super) output: Option<PathBuf>,

    /// Folder for the files; each gets the last part of its name on the server
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    pub(super) directory: PathBuf,

    /// Continue an interrupted transfer; until a file is complete, its content is in NAME.part
    #[arg(long)]
    pub(super) resume: bool,

    /// Replace existing files
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Do not restore the modification time and the execute permission (TFTP never does)
    #[arg(long)]
    no_preserve: bool,

    #[command(flatten)]
    pub(super) folders: FolderOptions,

    #[command(flatten)]
    pub(super) walk: WalkOptions,

    #[command(flatten)]
    pub(super) tftp: TftpArgs,
}

impl GetOptions {
    /// The target for a file that gets the name `own` in `destination`.
    pub(super) fn target<'a>(&self, destination: &'a Destination, own: &'a Name) -> Target<'a> {
        Target::File {
            destination,
            name: own,
            overwrite: self.overwrite,
            resume: self.resume,
            preserve: !self.no_preserve,
        }
    }
}

#[derive(Args)]
pub(crate) struct PutOptions {
    #[command(flatten)]
    pub(super) server: ServerOptions,

    /// Local files
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,

    /// Name of the file on the server
    #[arg(long = "as", value_name = "NAME", conflicts_with = "recursive")]
    pub(super) name: Option<OsString>,

    /// Folder on the server for the files
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    pub(super) to: Option<OsString>,

    /// Skip files that the server has already, with the same content
    #[arg(long)]
    pub(super) resume: bool,

    #[command(flatten)]
    pub(super) folders: FolderOptions,

    #[command(flatten)]
    pub(super) tftp: TftpArgs,
}

#[derive(Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub(super) server: ServerOptions,

    /// Folder on the server [default: the folder that is served]
    #[arg(value_name = "DIR")]
    pub(super) folder: Option<OsString>,

    /// List the content of folders, too
    #[arg(short, long)]
    pub(super) recursive: bool,

    #[command(flatten)]
    pub(super) walk: WalkOptions,
}

/// Limits for the folders of a server, which may be without end.
#[derive(Args)]
pub(super) struct WalkOptions {
    /// With --recursive, stop at this number of files and folders
    #[arg(
        long,
        value_name = "N",
        requires = "recursive",
        default_value = "1000000"
    )]
    #[arg(value_parser = count(1..=u64::MAX))]
    max_entries: u64,

    /// With --recursive, stop after this time, or never with none
    #[arg(
        long,
        value_name = "TIME",
        requires = "recursive",
        default_value = "1d"
    )]
    #[arg(value_parser = or_none(timeout))]
    max_time: Limit<Duration>,
}

impl WalkOptions {
    /// Everything below a folder.
    pub(super) fn below(&self, folder: Name) -> RemoteWalk {
        RemoteWalk::below(folder).with_max_entries(self.max_entries)
    }

    /// The client of a command that copies or lists folders.
    pub(super) fn limit(&self, client: Client) -> Client {
        match self.max_time {
            Some(time) => client.with_max_time(time),
            None => client,
        }
    }
}

/// Which folders are transferred, and what of them.
#[derive(Args)]
pub(super) struct FolderOptions {
    /// Transfer folders with everything in them
    #[arg(short, long)]
    pub(super) recursive: bool,

    /// With --recursive, include names below a folder that begin with a dot
    #[arg(long, requires = "recursive")]
    pub(super) hidden: bool,
}

impl FolderOptions {
    /// Refuses what TFTP cannot do.
    pub(super) fn check_tftp(&self, resume: bool) -> Result<(), Failure> {
        if resume || self.recursive {
            let message = "TFTP supports neither --resume nor --recursive";
            return Err(Failure::Usage(message.into()));
        }
        Ok(())
    }
}

/// The server, and the output about it.
#[derive(Args)]
pub(super) struct ServerOptions {
    /// Address of the server: PORT (of this machine), HOST:PORT, [V6]:PORT, or unix:PATH
    #[arg(value_name = "ADDR")]
    address: ListenAddr,

    #[command(flatten)]
    family: FamilyOptions,

    /// Longest silence of the server, and the time to connect
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(super) timeout: Duration,

    #[command(flatten)]
    pub(super) json: JsonOption,
}

impl ServerOptions {
    /// The address, of UDP with `udp`.
    pub(super) fn address(&self, udp: bool) -> Result<ListenAddr, Failure> {
        match (&self.address, udp) {
            (ListenAddr::Tcp(host), true) => Ok(ListenAddr::Udp(host.clone())),
            (ListenAddr::Udp(_), _) | (_, false) => Ok(self.address.clone()),
            (_, true) => Err(Failure::Usage("--udp requires HOST:PORT".into())),
        }
    }

    /// Connects to the server until a signal, and with `verbose` prints each attempt.
    pub(super) fn connector(&self, verbose: bool, stop: Option<&Stop>) -> Connector<'static> {
        let mut options = ConnectOptions::new(Some(self.timeout));
        options.family = self.family.only();
        Connector::new(options, stop).observe(move |event| {
            if verbose {
                log::print_note(&event.to_string());
            }
        })
    }
}

/// The options of TFTP.
#[derive(Args)]
#[command(next_help_heading = "TFTP")]
pub(super) struct TftpArgs {
    /// Use TFTP, over UDP and without digests, as udp://HOST:PORT does
    #[arg(short, long)]
    pub(super) udp: bool,

    /// Size of the blocks to request, in bytes, 8 to 65464 [default: 1428]
    #[arg(long, value_name = "BYTES", value_parser = size_in::<u16>(8..=65_464))]
    block_size: Option<u16>,

    /// Number of blocks to request per acknowledgement, 1 to 64 [default: 16]
    #[arg(long, value_name = "BLOCKS", value_parser = count(1..=64_u16))]
    window: Option<u16>,

    /// Transfer text, and convert the line ends
    #[arg(long)]
    netascii: bool,
}

impl TftpArgs {
    pub(super) fn options(&self, timeout: Duration) -> TftpOptions {
        let mut options = TftpOptions::new(timeout);
        if self.netascii {
            options.mode = Mode::Netascii;
        }
        options.block_bytes = self.block_size.unwrap_or(BLOCK_BYTES);
        options.window = self.window.unwrap_or(WINDOW);
        options
    }

    /// # Errors
    ///
    /// One of the options is used, but the server does not speak TFTP.
    pub(super) fn check(&self, server: &ListenAddr) -> Result<(), Failure> {
        let is_used = self.block_size.is_some() || self.window.is_some() || self.netascii;
        if is_used && !matches!(server, ListenAddr::Udp(_)) {
            let message = "--block-size, --window and --netascii are for TFTP: use -u or udp://";
            return Err(Failure::Usage(message.into()));
        }
        Ok(())
    }
}

const BLOCK_BYTES: u16 = 1428; // fits an Ethernet frame, also through tunnels
const WINDOW: u16 = 16;

pub(crate) const GET_HELP: &str = "\
Examples:
  switchboard get server:1212 notes.txt            to ./notes.txt
  switchboard get server:1212 notes.txt -o - | wc  to standard output
  switchboard get server:1212 -r 'my pictures' -C /tmp
  switchboard get server:1212 large.iso --resume   continue an interrupted transfer
  switchboard get -u server:69 pxelinux.0          over TFTP

A file gets its name once it is complete and its SHA-256 digest is equal to that of the server's
file. It also gets the modification time and the execute permission of that file. (TFTP has only the
content.) On standard output, the digest is compared after the last byte. An existing file is not
replaced without --overwrite; if its content is equal, that is a success.

If one of several files fails, the others are still transferred. The exit code is that of the
first failure: 1 the server refused, 2 wrong usage, 69 no connection, 73 a local file cannot be
created or exists, 74 reading, writing or the connection failed, 76 the server violated the
protocol or the digest differs.";

pub(crate) const PUT_HELP: &str = "\
Examples:
  switchboard put server:1212 notes.txt
  switchboard put server:1212 *.txt --to letters
  switchboard put server:1212 notes.txt --as letters/first.txt
  switchboard put server:1212 -r pictures --resume   only those that the server lacks
  switchboard put -u server:69 config.txt            over TFTP

The server stores a file once it is complete and its SHA-256 digest is correct. (TFTP has no
digests.) Symbolic links, pipes and devices below a folder are skipped.

If one of several files fails, the others are still transferred. The exit code is that of the
first failure: 1 the server refused, 2 wrong usage, 69 no connection, 73 the file exists on the
server, 74 reading, writing or the connection failed, or the server has no space, 76 the server
violated the protocol or the digest differs.";

pub(crate) const LIST_HELP: &str = "\
Examples:
  switchboard list server:1212
  switchboard list server:1212 'my pictures' --recursive
  switchboard list server:1212 --json | jq -r .name

Exit codes: 0 success, 1 the server refused, 2 wrong usage, 69 no connection, 74 writing or the
connection failed, 76 the server violated the protocol.";
