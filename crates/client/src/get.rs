//! Getting one file.

use std::io::Write;

use sha2::{Digest as _, Sha256};
use switchboard_files::{
    Answer, Code, Command, Content, Digest, Draft, Kind, Name, Problem, Rules,
};

use crate::client::{Client, Done, Watch, patience_for};
use crate::destination::Shelf;
use crate::error::{Error, Shown};
use crate::partial_file::Part;
use crate::transport::Stop;

/// Where a file goes.
pub enum Target<'a> {
    /// Into whatever this is, as it comes: if it proves wrong in the end, it has been written.
    Output(&'a mut dyn Write),
    /// Into a file, whole or not at all.
    File {
        /// Below this folder.
        shelf: &'a Shelf,
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
        watch: &mut dyn Watch,
    ) -> Result<Done, Error> {
        let (shelf, own, overwrite, resume) = match target {
            Target::Output(out) => return self.get_output(name, out, watch),
            Target::File {
                shelf,
                name,
                overwrite,
                resume,
            } => (shelf, name, overwrite, resume),
        };
        if !overwrite && let Some(done) = self.was_there(name, shelf, own)? {
            return Ok(done);
        }
        if resume {
            return self.get_part(name, shelf, own, overwrite, watch);
        }
        let path = shelf.path_of(own);
        let failed = |problem| Error::writing(&path, problem);
        let rules = Rules {
            overwrite,
            make_folders: true,
            ..Rules::default()
        };
        let mut draft: Option<Draft> = None;
        let content = self.fetch(name, 0, watch, &mut |piece| match piece {
            Piece::Beginning => {
                // No room is taken beforehand for a length that somebody else says.
                let begun = shelf.folder.draft(own, None, rules);
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
        watch: &mut dyn Watch,
    ) -> Result<Done, Error> {
        let mut hash = Sha256::new();
        let content = self.fetch(name, 0, watch, &mut |piece| match piece {
            Piece::Beginning => Ok(()),
            Piece::Bytes(bytes) => {
                hash.update(bytes);
                out.write_all(bytes).map_err(Error::Output)
            }
        })?;
        out.flush().map_err(Error::Output)?;
        if Digest(hash.finalize().into()) != content.sha256 {
            return Err(Error::Differs);
        }
        Ok(moved(content, None))
    }

    fn get_part(
        &mut self,
        name: &Name,
        shelf: &Shelf,
        own: &Name,
        overwrite: bool,
        watch: &mut dyn Watch,
    ) -> Result<Done, Error> {
        let mut part = Part::open(shelf, own)?;
        let from = self.go_on(name, &mut part, watch)?;
        let fetched = self.fetch(name, from, watch, &mut |piece| match piece {
            Piece::Beginning => Ok(()),
            Piece::Bytes(bytes) => part.write(bytes),
        });
        if fetched.is_err() && 0 < part.length() {
            let (length, path) = (part.length(), Shown(part.path()));
            watch.note(&format!(
                "{length} bytes are kept in {path}; --resume goes on with them"
            ));
        }
        let content = fetched?;
        part.publish(content, overwrite)?;
        Ok(moved(content, Some(from).filter(|&from| 0 < from)))
    }

    /// From where on a part lacks what the server has; what is there already is the same.
    fn go_on(&mut self, name: &Name, part: &mut Part, watch: &mut dyn Watch) -> Result<u64, Error> {
        let length = part.length();
        if length == 0 {
            return Ok(0);
        }
        let patience = patience_for(self.patience, length);
        let stop = self.stop.clone();
        let talk = self.talk()?;
        talk.say(&Command::Hash {
            name: name.clone(),
            length: Some(length),
        })?;
        let own = part.digest(&mut || stop.as_ref().map_or(Ok(()), Stop::check));
        let own = own.inspect_err(|_| talk.give_up())?; // the answer is still to come
        let expected = Content {
            length,
            sha256: own,
        };
        let why = match talk.hear_for(patience)? {
            Answer::Hash(there) if there == expected => return Ok(length),
            Answer::Hash(there) if there.length == length => "is another file's",
            Answer::Words(Code::SHORT, _) => "is longer than the file",
            other => return Err(talk.misfit(other)),
        };
        let path = Shown(part.path());
        watch.note(&format!("{path} {why}: starting over"));
        part.start_over()?;
        Ok(0)
    }

    /// The file that is here already, if it is what the server has.
    fn was_there(&mut self, name: &Name, shelf: &Shelf, own: &Name) -> Result<Option<Done>, Error> {
        let file = shelf.path_of(own);
        let source = match shelf.folder.read(own) {
            Ok(source) => source,
            // A link is not there either, until the file is to get its name.
            Err(Problem::Missing) => return Ok(None),
            Err(cause) => return Err(Error::Uncreatable { file, cause }),
        };
        // It says so where the server has none; and only a file that is as long is worth a digest.
        if self.stat(name)?.kind != Kind::File(source.length) {
            return Err(Error::Exists(file));
        }
        let content = self.content_of(&file, &source.file, source.length)?;
        if !self.has_content(name, content)? {
            return Err(Error::Exists(file));
        }
        Ok(Some(Done {
            was_there: true,
            ..moved(content, None)
        }))
    }

    /// Takes the bytes of a file from `from` on, and hears what all of it is.
    fn fetch(
        &mut self,
        name: &Name,
        from: u64,
        watch: &mut dyn Watch,
        take: &mut dyn FnMut(Piece<'_>) -> Result<(), Error>,
    ) -> Result<Content, Error> {
        let patience = self.patience;
        let talk = self.talk()?;
        let name = name.clone();
        let asked = talk.ask(&Command::Get {
            name: name.clone(),
            offset: from,
        })?;
        let count = match asked {
            Answer::Bytes(count) => count,
            other => return Err(talk.misfit(other)),
        };
        let Some(length) = from.checked_add(count) else {
            talk.give_up();
            return Err(Error::Nonsense("no file is as long as that".to_owned()));
        };
        // What is to be compared is asked for now, and answered behind the content.
        let hash = Command::Hash {
            name,
            length: Some(length),
        };
        watch.moves(from, Some(length));
        let begun = talk.say_ahead(&hash).and_then(|()| take(Piece::Beginning));
        begun.inspect_err(|_| talk.give_up())?;
        let mut position = from;
        talk.content(count, &mut |bytes| {
            take(Piece::Bytes(bytes))?;
            position += bytes.len() as u64;
            watch.at(position);
            Ok(())
        })?;
        match talk.hear_for(patience_for(patience, length))? {
            Answer::Hash(content) if content.length == length => Ok(content),
            Answer::Hash(_) | Answer::Words(Code::SHORT, _) => Err(Error::Differs),
            other => Err(talk.misfit(other)),
        }
    }
}

/// What is taken of a file, in this order.
enum Piece<'a> {
    /// The server has it.
    Beginning,
    Bytes(&'a [u8]),
}

fn moved(content: Content, resumed_from: Option<u64>) -> Done {
    Done {
        bytes: content.length,
        sha256: Some(content.sha256),
        resumed_from,
        was_there: false,
    }
}
