//! Putting one file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use switchboard_files::{
    Content, FileError, FileHasher, Kind, Name, Request, Response, Source, Status,
};

use crate::client::{Client, Outcome, Progress, patience_for};
use crate::error::Error;

impl Client {
    /// Puts a file under a name. `path` is what it is called in errors.
    ///
    /// What the server has already with the same digest is not sent, if `resume`.
    ///
    /// # Errors
    ///
    /// The server does not keep it, the file cannot be read, or the connection fails.
    pub fn put(
        &mut self,
        path: &Path,
        source: Source,
        name: &Name,
        resume: bool,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let Source { file, length, .. } = source;
        let content = self.content_of(path, &file, length)?;
        let already_there = resume && self.has(name, content)?;
        if !already_there {
            progress.moves(0, Some(length));
            self.send(path, file, name, content, progress)?;
        }
        Ok(Outcome {
            bytes: length,
            sha256: Some(content.sha256),
            resumed_from: None,
            already_there,
        })
    }

    /// What the first `length` bytes of a file here are.
    pub(crate) fn content_of(
        &self,
        path: &Path,
        file: &File,
        length: u64,
    ) -> Result<Content, Error> {
        let failed = |problem| Error::reading(path, problem);
        let own = file.try_clone().map_err(|error| failed(error.into()))?;
        let mut hashing = FileHasher::new(own, length);
        loop {
            self.check_stop()?;
            if let Some(sha256) = hashing.step(STEP_BYTES).map_err(failed)? {
                return Ok(Content { length, sha256 });
            }
        }
    }

    /// Whether the server has this file as it is.
    fn has(&mut self, name: &Name, content: Content) -> Result<bool, Error> {
        match self.stat(name) {
            // Only a file that is as long is worth a digest.
            Ok(entry) if entry.kind == Kind::File(content.length) => {
                self.has_content(name, content)
            }
            Ok(_) | Err(Error::Rejected(Status::NOT_FOUND, _)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a file that the server has is this.
    pub(crate) fn has_content(&mut self, name: &Name, content: Content) -> Result<bool, Error> {
        let patience = patience_for(self.patience, content.length);
        let session = self.session()?;
        session.say(&Request::Hash {
            name: name.clone(),
            length: None,
        })?;
        match session.hear_for(patience)? {
            Response::Hash(there) => Ok(there == content),
            other => Err(session.misfit(other)),
        }
    }

    fn send(
        &mut self,
        path: &Path,
        mut file: File,
        name: &Name,
        content: Content,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let patience = patience_for(self.patience, content.length);
        let session = self.session()?;
        let name = name.clone();
        session.say(&Request::Put { name, content })?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut sent = 0;
        while sent < content.length {
            let left = usize::try_from(content.length - sent).unwrap_or(usize::MAX);
            let wanted = &mut buffer[..left.min(BUFFER_BYTES)];
            let count = match file.read(wanted) {
                Ok(0) => Err(Error::reading(path, FileError::Short { length: sent })),
                Ok(count) => Ok(count),
                Err(error) => Err(Error::reading(path, error)),
            };
            let count = count.inspect_err(|_| session.give_up())?;
            if !session.send(&buffer[..count])? {
                break; // the server has something to say, so it does not want the rest
            }
            sent += count as u64;
            progress.at(sent);
        }
        match session.hear_for(patience)? {
            Response::Stored(kept) if kept == content && sent == content.length => Ok(()),
            other => Err(session.misfit(other)),
        }
    }
}

const STEP_BYTES: u64 = 16 * 1024 * 1024; // between looks at signals
const BUFFER_BYTES: usize = 256 * 1024;
