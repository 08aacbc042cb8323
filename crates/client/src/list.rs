//! What a server has: one entry, a folder, and all that is below it.

use std::vec;

use switchboard_files::{Entry, Kind, Name, Request, Response};

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// What the server tells of one file or folder.
    ///
    /// # Errors
    ///
    /// There is none, or the server makes no sense.
    pub fn stat(&mut self, name: &Name) -> Result<Entry, Error> {
        let session = self.session()?;
        match session.ask(&Request::Stat(name.clone()))? {
            Response::Entry(entry) => Ok(entry),
            other => Err(session.misfit(other)),
        }
    }

    /// The files and folders in a folder, each told of as it comes.
    ///
    /// # Errors
    ///
    /// There is no such folder, the server makes no sense, or what `each` returned.
    pub fn list(
        &mut self,
        folder: &Name,
        each: &mut dyn FnMut(Entry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let patience = self.patience;
        let session = self.session()?;
        let count = match session.ask(&Request::List(folder.clone()))? {
            Response::Lines(count) => count,
            other => return Err(session.misfit(other)),
        };
        let told = if MOST_ENTRIES < count {
            Err(nonsense("it lists more than a folder has"))
        } else {
            (0..count).try_for_each(|_| {
                let line = session.line(patience)?;
                let entry = Entry::parse(&line).filter(|entry| is_part(&entry.name));
                each(entry.ok_or_else(|| nonsense("what it lists is no file or folder"))?)
            })
        };
        if told.is_err() {
            session.give_up(); // the rest of the list may still be coming
        }
        told
    }
}

/// All that is below a folder of a server, in the order in which it is listed; a folder comes before
/// what is in it.
pub struct RemoteWalk {
    next: Option<Name>,                      // this folder is to be listed
    open: Vec<(Name, vec::IntoIter<Entry>)>, // what of these was not yet told
    held_bytes: usize,
    pub(crate) most_held_bytes: usize,
    told: u64,
}

impl RemoteWalk {
    /// LocalWalk this folder.
    #[must_use]
    pub fn below(folder: Name) -> Self {
        Self {
            next: Some(folder),
            open: Vec::new(),
            held_bytes: 0,
            most_held_bytes: MOST_HELD_BYTES,
            told: 0,
        }
    }

    /// The next file or folder, with its name as a path; nothing when that was the last.
    ///
    /// # Errors
    ///
    /// With the name of a folder that cannot be listed; the walk goes on beside it. With
    /// [`Error::Protocol`] it is over: there is more than any server has.
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
            self.held_bytes -= weight(&entry);
            let name = match folder.join(&entry.name) {
                Ok(name) => name,
                Err(_) => {
                    let error = nonsense("what it lists has too long a name");
                    return Some(Err((folder.clone(), error)));
                }
            };
            if entry.kind == Kind::Folder {
                self.next = Some(name.clone());
            }
            return Some(Ok((name, entry)));
        }
        None
    }

    /// Leaves out what is in the folder that was just told.
    pub fn pass_over(&mut self) {
        self.next = None;
    }

    fn open(&mut self, client: &mut Client, folder: &Name) -> Result<(), Error> {
        let mut entries = Vec::new();
        let most_held_bytes = self.most_held_bytes;
        let (mut held, mut told) = (self.held_bytes, self.told);
        client
            .list(folder, &mut |entry| {
                held += weight(&entry);
                told += 1;
                if most_held_bytes < held || MOST_TOLD < told {
                    return Err(nonsense("there is no end to what it lists"));
                }
                entries.push(entry);
                Ok(())
            })
            .inspect_err(|error| {
                if matches!(error, Error::Protocol(_)) {
                    self.open.clear();
                }
            })?;
        (self.held_bytes, self.told) = (held, told);
        self.open.push((folder.clone(), entries.into_iter()));
        Ok(())
    }
}

/// Whether it can be the name of something in a folder, and leads nowhere else.
fn is_part(name: &[u8]) -> bool {
    Name::parse(name).is_ok_and(|parsed| parsed.as_bytes() == name && parsed.parts().count() == 1)
}

fn weight(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.name.len()
}

fn nonsense(words: &str) -> Error {
    Error::Protocol(words.to_owned())
}

const MOST_ENTRIES: u64 = 100_000; // of a folder, which is what a server tells at most
const MOST_TOLD: u64 = 10_000_000; // of a walk
const MOST_HELD_BYTES: usize = 64 * 1024 * 1024;
