//! Files: shares a folder, over streams by the line protocol and over datagrams by TFTP.

mod line_session;
mod share;
mod tftp_session;

#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod tftp_tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use switchboard_core::{Config, Host, Peer, Refusal, Result, Service, Session, Transport};
use switchboard_files::{Folder, Name, Rules};

use crate::file_problem::FileProblem;
use crate::units::{Limit, or_none, size};
use crate::uptime;
use line_session::LineSession;
use share::Share;
use tftp_session::TftpSession;

/// Shares a folder: over streams by the protocol of `docs/src/reference/files-protocol.md`, over
/// datagrams by TFTP.
///
/// The folder is opened once. Sessions share no other state, so every model works the same.
pub struct Files {
    share: Share,
    clock: fn() -> Duration, // the time since any fixed moment
}

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// The folder to share; nothing outside it is accessible
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Let peers upload files
    #[arg(long)]
    writable: bool,

    /// Let uploads replace existing files
    #[arg(long, requires = "writable")]
    overwrite: bool,

    /// Refuse an upload larger than this, such as 100M
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_file: Option<u64>,

    /// Refuse an upload with which all files together would be larger than this
    #[arg(long, value_name = "SIZE", value_parser = size)]
    quota: Option<u64>,

    /// End an upload that is slower than this in a whole minute, in bytes per second, or none (over
    /// TCP and Unix sockets)
    #[arg(long, value_name = "SIZE", default_value = "1k", requires = "writable")]
    #[arg(value_parser = or_none(size))]
    min_upload_rate: Limit<u64>,

    /// Include files and folders whose names begin with a dot
    #[arg(long)]
    hidden: bool,
}

impl Files {
    /// Shares the folder at `path`, read-only.
    ///
    /// # Errors
    ///
    /// There is no such folder, or it cannot be opened.
    pub fn new(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            share: Share {
                folder: Folder::open(path)?,
                uploads: None,
                min_upload_rate: Some(MIN_UPLOAD_RATE),
            },
            clock: uptime,
        })
    }

    /// Lets peers upload files by these rules.
    #[must_use]
    pub fn writable(mut self, rules: Rules) -> Self {
        self.share.uploads = Some(rules);
        self
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, FileProblem> {
        let path = options.folder;
        let mut files = Self::new(&path).map_err(|error| FileProblem::new(&path, error))?;
        files.share.folder = files.share.folder.with_hidden(options.hidden);
        if options.writable {
            let folder = &files.share.folder;
            folder.remove_stale(&Name::root(), true);
        }
        files.share.min_upload_rate = options.min_upload_rate;
        files.share.uploads = options.writable.then_some(Rules {
            overwrite: options.overwrite,
            make_folders: true,
            max_file: options.max_file,
            quota: options.quota,
        });
        Ok(files)
    }
}

const MIN_UPLOAD_RATE: u64 = 1024; // also the default of the option

impl Service for Files {
    fn config(&self, over: Transport) -> Config {
        match over {
            Transport::Stream => Config::lines(),
            Transport::Datagram => Config::bytes()
                .udp(tftp_session::UDP_POLICY)
                .example("curl -O tftp://{address}/NAME"),
        }
    }

    fn connect(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let share = self.share.clone();
        Ok(match peer.transport {
            Transport::Stream => Box::new(LineSession::new(share)),
            Transport::Datagram => {
                let ipv6 = matches!(peer.remote.host(), Host::Ip(ip) if ip.is_ipv6());
                let trusted = peer.is_in_trusted_network;
                Box::new(TftpSession::new(share, self.clock, ipv6, trusted))
            }
        })
    }
}
