//! `get`, `put` and `list`: from words to a client, names, and what is told of each.

mod get;
mod list;
mod output;
mod put;
mod report;
mod tftp;

pub(crate) use get::get;
pub(crate) use list::list;
pub(crate) use put::put;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use switchboard_client::{Endpoint, Server, TftpOptions};
use switchboard_core::{ListenAddr, Sanitized};
use switchboard_files::Name;
use switchboard_files::tftp::Mode;
use switchboard_services::units::{count, size_in, timeout};

use crate::error::Failure;

#[derive(Args)]
pub(crate) struct GetOptions {
    #[command(flatten)]
    peer: PeerOptions,

    /// What to get: paths as the server has them
    #[arg(value_name = "NAME", required = true)]
    names: Vec<OsString>,

    /// Write it to this file; to standard output if it is -; to a device or a pipe that is there
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["directory", "recursive"])]
    output: Option<PathBuf>,

    /// Where the files go, each under the last part of its name
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// Go on where an earlier try ended: what has come is kept in NAME.part until all is there
    #[arg(long)]
    resume: bool,

    /// Replace files that are there already
    #[arg(long)]
    overwrite: bool,

    /// Get folders, with all that is in them
    #[arg(short, long)]
    recursive: bool,

    #[command(flatten)]
    tftp: TftpWords,
}

#[derive(Args)]
pub(crate) struct PutOptions {
    #[command(flatten)]
    peer: PeerOptions,

    /// What to put
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// What the file is called there
    #[arg(long = "as", value_name = "NAME", conflicts_with = "recursive")]
    name: Option<OsString>,

    /// The folder there in which the files go
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    to: Option<OsString>,

    /// Send nothing that is there already with the same digest
    #[arg(long)]
    resume: bool,

    /// Put folders, with all that is in them
    #[arg(short, long)]
    recursive: bool,

    #[command(flatten)]
    tftp: TftpWords,
}

#[derive(Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    peer: PeerOptions,

    /// Which folder [default: the one that is served]
    #[arg(value_name = "DIR")]
    folder: Option<OsString>,

    /// List what is in its folders, too
    #[arg(short, long)]
    recursive: bool,
}

/// Whom to call, and how to tell what becomes of it.
#[derive(Args)]
struct PeerOptions {
    /// Where the server is: PORT (of this machine), HOST:PORT, [V6]:PORT, unix:PATH, or
    /// udp://HOST:PORT for TFTP
    #[arg(value_name = "ADDR")]
    address: ListenAddr,

    /// Over UDP, by TFTP: nothing is checked by a digest
    #[arg(short, long)]
    udp: bool,

    /// How long the server may be silent; by TFTP it may be given up sooner
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    timeout: Duration,

    /// Tell what becomes of each as JSON, an object on each line of standard output
    #[arg(long)]
    json: bool,
}

impl PeerOptions {
    /// Where the server is.
    fn server(&self) -> Result<Server, Failure> {
        let place = match (&self.address, self.udp) {
            (ListenAddr::Tcp(place), true) => ListenAddr::Udp(place.clone()),
            (place, _) => place.clone(),
        };
        let server = Server::resolve(&place)?;
        if self.udp && !matches!(server.endpoint(), Endpoint::Udp(_)) {
            return Err(Failure::Usage("TFTP goes over UDP, to HOST:PORT".into()));
        }
        Ok(server)
    }
}

/// How to move files by TFTP.
#[derive(Args)]
#[command(next_help_heading = "TFTP")]
struct TftpWords {
    /// Ask for blocks of so many bytes, 8 to 65464 [default: 1428]
    #[arg(long, value_name = "BYTES", value_parser = size_in::<u16>(8..=65_464))]
    block_size: Option<u16>,

    /// Ask for so many blocks under way at the same time, 1 to 64 [default: 16]
    #[arg(long, value_name = "BLOCKS", value_parser = count(1_u16..=64))]
    window: Option<u16>,

    /// Move text, with the ends of lines of either side
    #[arg(long)]
    netascii: bool,
}

impl TftpWords {
    /// What was asked for, and the usual where nothing was.
    fn options(&self, patience: Duration) -> TftpOptions {
        TftpOptions {
            mode: if self.netascii {
                Mode::Netascii
            } else {
                Mode::Octet
            },
            block_bytes: self.block_size.unwrap_or(BLOCK_BYTES),
            window: self.window.unwrap_or(WINDOW),
            timeout: patience,
        }
    }

    /// # Errors
    ///
    /// Something was asked for, though the server is called in another way.
    fn check(&self, server: &Server) -> Result<(), Failure> {
        let asked = self.block_size.is_some() || self.window.is_some() || self.netascii;
        if asked && !matches!(server.endpoint(), Endpoint::Udp(_)) {
            let words = "--block-size, --window and --netascii are for TFTP: with -u, or udp://";
            return Err(Failure::Usage(words.into()));
        }
        Ok(())
    }
}

/// A name for the server, as it was said.
fn name(words: &OsStr) -> Result<Name, Failure> {
    let bytes = words.as_bytes();
    Name::parse(bytes).map_err(|why| Failure::Usage(format!("'{}': {why}", Sanitized(bytes))))
}

/// The last part of a name, which a file goes by here.
fn last_part(name: &Name) -> Option<Name> {
    let (_, last) = name.split_last()?;
    Name::parse(last).ok()
}

const BLOCK_BYTES: u16 = 1428; // what goes through Ethernet in one piece, tunnels included
const WINDOW: u16 = 16;

pub(crate) const GET_HELP: &str = "\
Examples:
  switchboard get server:1212 notes.txt            into notes.txt, here
  switchboard get server:1212 notes.txt -o - | wc  to standard output
  switchboard get server:1212 -r 'my pictures' -C /tmp
  switchboard get server:1212 large.iso --resume   again after it broke off
  switchboard get -u server:69 pxelinux.0          by TFTP

A file is there whole or not at all: it gets its name once its digest is that of the server's
file. (TFTP has no digests.) What goes to standard output is compared behind its end. A file
that is here already is not replaced, unless --overwrite; if it is the same, that is fine.
Names that begin with a dot are left out of folders.

When one of several files cannot be got, the others are still tried; the exit code is that of
the first failure: 1 the server says no, 2 wrong usage, 69 no connection, 73 a file cannot be
made here or is there already, 74 reading, writing or the connection failed, 76 the server
makes no sense or the digest differs.";

pub(crate) const PUT_HELP: &str = "\
Examples:
  switchboard put server:1212 notes.txt
  switchboard put server:1212 *.txt --to letters
  switchboard put server:1212 notes.txt --as letters/first.txt
  switchboard put server:1212 -r pictures --resume   only those that are not there yet
  switchboard put -u server:69 config.txt            by TFTP

A file is there whole or not at all: the server keeps it once its digest is the one that was
announced. (TFTP has no digests.) Links, pipes and devices below a folder are left out.

When one of several files cannot be put, the others are still tried; the exit code is that of
the first failure: 1 the server says no, 2 wrong usage, 69 no connection, 73 the server has a
file of this name, 74 reading, writing or the connection failed, or the server has no room, 76
the server makes no sense or the digest differs.";

pub(crate) const LIST_HELP: &str = "\
Examples:
  switchboard list server:1212
  switchboard list server:1212 'my pictures' --recursive
  switchboard list server:1212 --json | jq -r .name

Exit codes: 0 fine, 1 the server says no, 2 wrong usage, 69 no connection, 74 writing or the
connection failed, 76 the server makes no sense.";
