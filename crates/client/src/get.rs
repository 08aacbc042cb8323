//! Getting one file.

use std::io::Write;

use sha2::{Digest as _, Sha256};
use switchboard_files::{
    AtomicFile, Content, Digest, FileError, Kind, Name, Request, Response, Rules, Status,
};

use crate::client::{Client, Outcome, Progress, patience_for};
use crate::destination::Destination;
use crate::error::{Error, Shown};
use crate::partial_file::PartialFile;
use crate::transport::Stop;

/// Where a file goes.
pub enum Target<'a> {
    /// Into whatever this is, as it comes: if it proves wrong in the end, it has been written.
    Output(&'a mut dyn Write),
    /// Into a file, whole or not at all.
    File {
        /// LocalWalk this folder.
        destination: &'a Destination,
        /// Under this name.
        name: &'a Name,
        /// Whether a file that is there is replaced.
        overwrite: bool,
        /// Whether what has come is kept under `NAME.part`, and gone on with.
        resume: bool,
    },
}

impl Client {
    /// Gets a file. That what arrived is what the server has is checked by the digest, before a file
    /// gets its name.
    ///
    /// A file that is here already is compared: if it is the same, nothing is moved.
    ///
    /// # Errors
    ///
    /// The server has no such file, there is another one here, or something fails on the way.
    pub fn get(
        &mut self,
        name: &Name,
        target: Target<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let (destination, own, overwrite, resume) = match target {
            Target::Output(out) => return self.get_output(name, out, progress),
            Target::File {
                destination,
                name,
                overwrite,
                resume,
            } => (destination, name, overwrite, resume),
        };
        if !overwrite && let Some(done) = self.already_there(name, destination, own)? {
            return Ok(done);
        }
        if resume {
            return self.get_part(name, destination, own, overwrite, progress);
        }
        let path = destination.path_of(own);
        let failed = |problem| Error::writing(&path, problem);
        let rules = Rules {
            overwrite,
            make_folders: true,
            ..Rules::default()
        };
        let mut draft: Option<AtomicFile> = None;
        let content = self.fetch(name, 0, progress, &mut |piece| match piece {
            Piece::Start => {
                // No room is taken beforehand for a length that somebody else says.
                let begun = destination.folder.draft(own, None, rules);
                draft = Some(begun.map_err(failed)?);
                Ok(())
            }
            Piece::Bytes(bytes) => {
                let draft = draft.as_mut().expect("it began before");
                draft.write(bytes).map_err(failed)
            }
        })?;
        let draft = draft.expect("it began");
        draft.publish(Some(&content)).map_err(failed)?;
        Ok(moved(content, None))
    }

    fn get_output(
        &mut self,
        name: &Name,
        out: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let mut hash = Sha256::new();
        let content = self.fetch(name, 0, progress, &mut |piece| match piece {
            Piece::Start => Ok(()),
            Piece::Bytes(bytes) => {
                hash.update(bytes);
                out.write_all(bytes).map_err(Error::Output)
            }
        })?;
        out.flush().map_err(Error::Output)?;
        if Digest(hash.finalize().into()) != content.sha256 {
            return Err(Error::Mismatch);
        }
        Ok(moved(content, None))
    }

    fn get_part(
        &mut self,
        name: &Name,
        destination: &Destination,
        own: &Name,
        overwrite: bool,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let mut part = PartialFile::open(destination, own)?;
        let from = self.go_on(name, &mut part, progress)?;
        let fetched = self.fetch(name, from, progress, &mut |piece| match piece {
            Piece::Start => Ok(()),
            Piece::Bytes(bytes) => part.write(bytes),
        });
        if fetched.is_err() && 0 < part.length() {
            let (length, path) = (part.length(), Shown(part.path()));
            progress.note(&format!(
                "{length} bytes are kept in {path}; --resume goes on with them"
            ));
        }
        let content = fetched?;
        part.publish(content, overwrite)?;
        Ok(moved(content, Some(from).filter(|&from| 0 < from)))
    }

    /// From where on a part lacks what the server has; what is there already is the same.
    fn go_on(
        &mut self,
        name: &Name,
        part: &mut PartialFile,
        progress: &mut dyn Progress,
    ) -> Result<u64, Error> {
        let length = part.length();
        if length == 0 {
            return Ok(0);
        }
        let patience = patience_for(self.patience, length);
        let stop = self.stop.clone();
        let session = self.session()?;
        session.say(&Request::Hash {
            name: name.clone(),
            length: Some(length),
        })?;
        let own = part.digest(&mut || stop.as_ref().map_or(Ok(()), Stop::check));
        let own = own.inspect_err(|_| session.give_up())?; // the answer is still to come
        let expected = Content {
            length,
            sha256: own,
        };
        let why = match session.hear_for(patience)? {
            Response::Hash(there) if there == expected => return Ok(length),
            Response::Hash(there) if there.length == length => "is another file's",
            Response::Text(Status::SHORT, _) => "is longer than the file",
            other => return Err(session.misfit(other)),
        };
        let path = Shown(part.path());
        progress.note(&format!("{path} {why}: starting over"));
        part.start_over()?;
        Ok(0)
    }

    /// The file that is here already, if it is what the server has.
    fn already_there(
        &mut self,
        name: &Name,
        destination: &Destination,
        own: &Name,
    ) -> Result<Option<Outcome>, Error> {
        let file = destination.path_of(own);
        let source = match destination.folder.read(own) {
            Ok(source) => source,
            // A link is not there either, until the file is to get its name.
            Err(FileError::NotFound) => return Ok(None),
            Err(cause) => return Err(Error::CannotCreate { file, cause }),
        };
        // It says so where the server has none; and only a file that is as long is worth a digest.
        if self.stat(name)?.kind != Kind::File(source.length) {
            return Err(Error::Exists(file));
        }
        let content = self.content_of(&file, &source.file, source.length)?;
        if !self.has_content(name, content)? {
            return Err(Error::Exists(file));
        }
        Ok(Some(Outcome {
            already_there: true,
            ..moved(content, None)
        }))
    }

    /// Takes the bytes of a file from `from` on, and hears what all of it is.
    fn fetch(
        &mut self,
        name: &Name,
        from: u64,
        progress: &mut dyn Progress,
        take: &mut dyn FnMut(Piece<'_>) -> Result<(), Error>,
    ) -> Result<Content, Error> {
        let patience = self.patience;
        let session = self.session()?;
        let name = name.clone();
        let asked = session.ask(&Request::Get {
            name: name.clone(),
            offset: from,
        })?;
        let count = match asked {
            Response::Bytes(count) => count,
            other => return Err(session.misfit(other)),
        };
        let Some(length) = from.checked_add(count) else {
            session.give_up();
            return Err(Error::Protocol("no file is as long as that".to_owned()));
        };
        // What is to be compared is asked for now, and answered behind the content.
        let hash = Request::Hash {
            name,
            length: Some(length),
        };
        progress.moves(from, Some(length));
        let begun = session.say_ahead(&hash).and_then(|()| take(Piece::Start));
        begun.inspect_err(|_| session.give_up())?;
        let mut position = from;
        session.content(count, &mut |bytes| {
            take(Piece::Bytes(bytes))?;
            position += bytes.len() as u64;
            progress.at(position);
            Ok(())
        })?;
        match session.hear_for(patience_for(patience, length))? {
            Response::Hash(content) if content.length == length => Ok(content),
            Response::Hash(_) | Response::Text(Status::SHORT, _) => Err(Error::Mismatch),
            other => Err(session.misfit(other)),
        }
    }
}

/// What is taken of a file, in this order.
enum Piece<'a> {
    /// The server has it.
    Start,
    Bytes(&'a [u8]),
}

fn moved(content: Content, resumed_from: Option<u64>) -> Outcome {
    Outcome {
        bytes: content.length,
        sha256: Some(content.sha256),
        resumed_from,
        already_there: false,
    }
}
