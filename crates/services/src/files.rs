//! Files: a folder that others may read, and put files into where that is allowed.

mod guest;

use std::path::{Path, PathBuf};

use clap::Args;
use switchboard_core::{OverDatagrams, Peer, Refusal, Service, Session, Transport};
use switchboard_files::{Folder, Rules};

use crate::size::size;
use guest::Guest;

/// Shows a folder: over a stream by the protocol of `docs/files-protocol.md`.
///
/// The folder is opened once. Its sessions share nothing else, so it is the same under every model.
pub struct Files {
    shelf: Shelf,
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
        Ok(Self { shelf })
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
        let folder = Folder::open(&root).map_err(|why| format!("{}: {why}", root.display()))?;
        let shelf = Shelf {
            folder: folder.with_hidden(hidden),
            writable,
            rules: Rules {
                overwrite,
                make_folders: true,
                max_file,
                quota,
            },
        };
        Ok(Self { shelf })
    }
}

impl Service for Files {
    fn over_datagrams(&self) -> OverDatagrams {
        OverDatagrams::Never("it speaks in lines")
    }

    fn session(&self, peer: &Peer) -> Result<Box<dyn Session>, Refusal> {
        match peer.transport {
            Transport::Stream => Ok(Box::new(Guest::new(self.shelf.clone()))),
            Transport::Datagram => Err(Refusal("Files are not served by datagrams.".into())),
        }
    }
}

#[cfg(test)]
mod tests;
