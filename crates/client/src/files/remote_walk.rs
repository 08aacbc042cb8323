//! All files and folders below a folder of a server.

use std::vec;

use switchboard_files::{Entry, Kind, Name};

use crate::files::client::Client;
use crate::files::error::Error;

/// Walks through a folder of a server. A folder comes before what it contains.
pub struct RemoteWalk {
    next: Option<Name>,                      // a folder to list
    open: Vec<(Name, vec::IntoIter<Entry>)>, // entries that were not returned yet
    pending_bytes: usize,                    // of these, in memory
    pub(crate) max_pending_bytes: usize,
    max_entries: u64,
    listed: u64,
}

impl RemoteWalk {
    /// Below this folder.
    #[must_use]
    pub fn below(folder: Name) -> Self {
        Self {
            next: Some(folder),
            open: Vec::new(),
            pending_bytes: 0,
            max_pending_bytes: MAX_PENDING_BYTES,
            max_entries: u64::MAX,
            listed: 0,
        }
    }

    /// Ends the walk when it would return more than this many files and folders.
    #[must_use]
    pub fn with_max_entries(self, max_entries: u64) -> Self {
        Self {
            max_entries,
            ..self
        }
    }

    /// The next file or folder, with its path as a name; `None` at the end.
    ///
    /// # Errors
    ///
    /// With the name of a folder that cannot be listed; the walk continues behind it. It ends after
    /// [`Error::TooManyEntries`], [`Error::OutOfTime`] and [`Error::Protocol`].
    pub fn next(&mut self, client: &mut Client) -> Option<Result<(Name, Entry), (Name, Error)>> {
        if let Some(folder) = self.next.take()
            && let Err(error) = self.open(client, &folder)
        {
            return Some(Err((folder, error)));
        }
        while let Some((folder, entries)) = self.open.last_mut() {
            let Some(entry) = entries.next() else {
                self.open.pop();
                continue;
            };
            self.pending_bytes -= memory(&entry);
            if self.listed == self.max_entries {
                let folder = folder.clone();
                self.open.clear();
                return Some(Err((folder, Error::TooManyEntries(self.max_entries))));
            }
            self.listed += 1;
            let Ok(name) = folder.join(&entry.name) else {
                let error = Error::protocol("a name in a listing is too long");
                return Some(Err((folder.clone(), error)));
            };
            if entry.kind == Kind::Folder {
                self.next = Some(name.clone());
            }
            return Some(Ok((name, entry)));
        }
        None
    }

    /// Skips the content of the folder that was returned last.
    pub fn skip_folder(&mut self) {
        self.next = None;
    }

    fn open(&mut self, client: &mut Client, folder: &Name) -> Result<(), Error> {
        let listed = client.list(folder).and_then(|entries| {
            let pending = self.pending_bytes + entries.iter().map(memory).sum::<usize>();
            if self.max_pending_bytes < pending {
                return Err(Error::protocol("the folders have too many entries"));
            }
            Ok((entries, pending))
        });
        let (entries, pending) = listed.inspect_err(|error| {
            if matches!(error, Error::Protocol(_) | Error::OutOfTime(_)) {
                self.open.clear();
            }
        })?;
        self.pending_bytes = pending;
        self.open.push((folder.clone(), entries.into_iter()));
        Ok(())
    }
}

fn memory(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.name.len()
}

const MAX_PENDING_BYTES: usize = 64 * 1024 * 1024;
