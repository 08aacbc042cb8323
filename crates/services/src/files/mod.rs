//! Files: a folder that others may read, and put files into where that is allowed.

mod guest;
mod tftp;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use switchboard_core::{Config, Host, Peer, Refusal, Result, Service, Session, Transport};
use switchboard_files::{Folder, Rules};

use crate::units::size;
use crate::uptime;
use guest::Guest;
use tftp::Visitor;

/// Shows a folder: over a stream by the protocol of `docs/files-protocol.md`, over datagrams by TFTP.
///
/// The folder is opened once. Its sessions share nothing else, so it is the same under every model.
pub struct Files {
    shelf: Shelf,
    clock: fn() -> Duration, // how long it is since some time before
}

/// What all guests share: the folder, and what they may do there.
#[derive(Clone)]
struct Shelf {
    folder: Folder,
    writable: bool,
    rules: Rules,
}

/// What is shown, and to whom it belongs.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Show this folder, and nothing outside it
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,

    /// Let peers put files there
    #[arg(long)]
    writable: bool,

    /// Let them replace files that are there
    #[arg(long, requires = "writable")]
    overwrite: bool,

    /// Take no file that is larger, such as 100M
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_file: Option<u64>,

    /// Take no more than so much in all, with what is there already
    #[arg(long, value_name = "SIZE", value_parser = size)]
    quota: Option<u64>,

    /// Show also what begins with a dot
    #[arg(long)]
    hidden: bool,
}

impl Files {
    /// Shows the folder at `root`, for reading only.
    ///
    /// # Errors
    ///
    /// There is no such folder, or it may not be read.
    pub fn new(root: &Path) -> std::io::Result<Self> {
        let shelf = Shelf {
            folder: Folder::open(root)?,
            writable: false,
            rules: Rules::default(),
        };
        let clock = uptime;
        Ok(Self { shelf, clock })
    }

    /// The same, where peers may put files by these rules.
    #[must_use]
    pub fn writable(mut self, rules: Rules) -> Self {
        self.shelf.writable = true;
        self.shelf.rules = rules;
        self
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, String> {
        let Options {
            root,
            writable,
            overwrite,
            max_file,
            quota,
            hidden,
        } = options;
        let mut files = Self::new(&root).map_err(|why| format!("{}: {why}", root.display()))?;
        files.shelf.folder = files.shelf.folder.with_hidden(hidden);
        let rules = Rules {
            overwrite,
            make_folders: true,
            max_file,
            quota,
        };
        Ok(if writable {
            files.writable(rules)
        } else {
            files
        })
    }
}

impl Service for Files {
    fn config(&self, over: Transport) -> Config {
        match over {
            Transport::Stream => Config::lines(),
            Transport::Datagram => Config::bytes()
                .udp(tftp::UDP_POLICY)
                .example("curl -O tftp://{address}/NAME"),
        }
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        match peer.transport {
            Transport::Stream => Ok(Box::new(Guest::new(self.shelf.clone()))),
            Transport::Datagram => {
                let ipv6 = matches!(peer.remote.host(), Host::Ip(ip) if ip.is_ipv6());
                let visitor = Visitor::new(self.shelf.clone(), self.clock, ipv6);
                Ok(Box::new(visitor))
            }
        }
    }
}

#[cfg(test)]
mod tests;
