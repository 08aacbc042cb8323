//! One peer of a folder, and what it asked for.

use std::io::Write;
use std::time::Duration;
use std::vec;

use switchboard_core::{Flow, Outbox, Result, Session};
use switchboard_files::{
    AtomicFile, Content, Entry, FileError, FileHasher, Follows, Name, Request, Response, Status,
};

use super::Shelf;

/// A peer that speaks in lines.
pub(super) struct Guest {
    shelf: Shelf,
    doing: Doing,
    stopping: bool, // it leaves once that is done
}

/// What is going on.
enum Doing {
    /// The next command is waited for.
    Nothing,
    /// These are still to be told.
    Telling(vec::IntoIter<Entry>),
    /// So many bytes of a file are looked through.
    Hashing(FileHasher, u64),
    /// So many bytes are still to come of what will be a file.
    Taking(Box<Taking>, u64),
    /// The same, where it will not.
    Forgetting(u64),
}

struct Taking {
    draft: AtomicFile,
    content: Content,
}

impl Guest {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self {
            shelf,
            doing: Doing::Nothing,
            stopping: false,
        }
    }

    fn hear(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, FileError> {
        let command = match Request::parse(line) {
            Ok(command) => command,
            Err(wrong) => {
                say(out, &Response::Text(wrong.status, wrong.message));
                return Ok(match wrong.follows {
                    Follows::Request => Flow::Continue,
                    Follows::Content(count) => self.forget(count, out),
                    Follows::Unknown => Flow::Close,
                });
            }
        };
        match command {
            Request::Help => {
                say(out, &Response::Lines(Request::HELP.len() as u64));
                out.send(Request::HELP.join("\n").as_bytes());
            }
            Request::List(name) => {
                let entries = self.shelf.folder.list(&name)?;
                say(out, &Response::Lines(entries.len() as u64));
                self.doing = Doing::Telling(entries.into_iter());
                return Ok(self.tell(out));
            }
            Request::Stat(name) => say(out, &Response::Entry(self.shelf.folder.entry(&name)?)),
            Request::Get { name, offset } => self.send(&name, offset, out)?,
            Request::Hash { name, length } => {
                let source = self.shelf.folder.read(&name)?;
                let length = length.unwrap_or(source.length);
                reaches(source.length, length)?;
                self.doing = Doing::Hashing(FileHasher::new(source.file, length), length);
                return Ok(self.hash(out));
            }
            Request::Put { name, content } => return Ok(self.put(&name, content, out)),
            Request::Quit => {
                say(out, &Response::Text(Status::BYE, "Bye.".to_owned()));
                return Ok(Flow::Close);
            }
        }
        Ok(Flow::Continue)
    }

    fn send(&self, name: &Name, offset: u64, out: &mut Outbox) -> Result<(), FileError> {
        let source = self.shelf.folder.read(name)?;
        let count = reaches(source.length, offset)?;
        say(out, &Response::Bytes(count));
        if 0 < count {
            out.send_file(source.file, offset..source.length);
        }
        Ok(())
    }

    /// Goes on telling entries, as far as there is room.
    fn tell(&mut self, out: &mut Outbox) -> Flow {
        let Doing::Telling(entries) = &mut self.doing else {
            return Flow::Continue;
        };
        while let Some(entry) = entries.next() {
            out.send(entry.to_string().as_bytes());
            if out.is_full() && 0 < entries.len() {
                return Flow::WhenWritable;
            }
        }
        self.done(out)
    }

    /// Goes on with a digest for a while.
    fn hash(&mut self, out: &mut Outbox) -> Flow {
        let Doing::Hashing(hashing, length) = &mut self.doing else {
            return Flow::Continue;
        };
        let length = *length;
        match hashing.step(HASHED_AT_ONCE) {
            Ok(None) => {
                out.set_timer(Duration::ZERO); // others may want something meanwhile
                return Flow::PauseInput;
            }
            Ok(Some(sha256)) => say(out, &Response::Hash(Content { length, sha256 })),
            Err(problem) => say(out, &Response::from(&problem)),
        }
        self.done(out)
    }

    /// Begins to take a file, or to forget what comes.
    fn put(&mut self, name: &Name, content: Content, out: &mut Outbox) -> Flow {
        if !self.shelf.writable {
            let words = "files cannot be put here".to_owned();
            say(out, &Response::Text(Status::READ_ONLY, words));
            return self.forget(content.length, out);
        }
        let folder = &self.shelf.folder;
        match AtomicFile::create(folder, name, Some(content.length), self.shelf.rules) {
            Ok(draft) => {
                out.expect_raw(content.length);
                let taking = Box::new(Taking { draft, content });
                self.doing = Doing::Taking(taking, content.length);
                self.take(b"", out) // which may be all
            }
            Err(problem) => {
                say(out, &Response::from(&problem));
                self.forget(content.length, out)
            }
        }
    }

    fn forget(&mut self, count: u64, out: &mut Outbox) -> Flow {
        out.expect_raw(count);
        self.doing = Doing::Forgetting(count);
        self.take(b"", out)
    }

    /// Takes a piece of what is expected.
    fn take(&mut self, piece: &[u8], out: &mut Outbox) -> Flow {
        let count = piece.len() as u64;
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Taking(mut taking, left) => match taking.draft.write_all(piece) {
                Ok(()) if count < left => {
                    self.doing = Doing::Taking(taking, left.saturating_sub(count))
                }
                Ok(()) => say(out, &taking.publish()),
                Err(error) => {
                    say(out, &Response::from(&FileError::from(error)));
                    self.doing = Doing::Forgetting(left.saturating_sub(count));
                }
            },
            Doing::Forgetting(left) => self.doing = Doing::Forgetting(left.saturating_sub(count)),
            other => self.doing = other,
        }
        match self.doing {
            Doing::Taking(..) => Flow::Continue,
            Doing::Forgetting(1..) if !self.stopping => Flow::Continue,
            _ => self.done(out),
        }
    }

    /// What was asked for is done.
    fn done(&mut self, out: &mut Outbox) -> Flow {
        self.doing = Doing::Nothing;
        if self.stopping {
            return leave(out);
        }
        Flow::Continue
    }
}

impl Taking {
    fn publish(self) -> Response {
        match self.draft.publish(Some(&self.content)) {
            Ok(content) => Response::Stored(content),
            Err(problem) => Response::from(&problem),
        }
    }
}

impl Session for Guest {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        let only = if self.shelf.writable {
            ""
        } else {
            ", read-only"
        };
        let words = format!("files{only}. HELP lists the commands.");
        say(out, &Response::Text(Status::GREETING, words));
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        if let Doing::Taking(..) | Doing::Forgetting(_) = self.doing {
            return Ok(self.take(message, out));
        }
        Ok(self.hear(message, out).unwrap_or_else(|problem| {
            say(out, &Response::from(&problem));
            Flow::Continue
        }))
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        Ok(self.tell(out))
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        Ok(self.hash(out))
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        if let Doing::Taking(..) = self.doing {
            let words = "that was not all of the content; nothing was kept".to_owned();
            say(out, &Response::Text(Status::MISMATCH, words));
        }
        Ok(Flow::Close)
    }

    /// What has begun is completed, but for a digest, which can be asked for again.
    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        self.stopping = true;
        Ok(match self.doing {
            Doing::Taking(..) => Flow::Continue,
            Doing::Telling(_) => self.tell(out),
            Doing::Nothing | Doing::Hashing(..) | Doing::Forgetting(_) => leave(out),
        })
    }
}

fn leave(out: &mut Outbox) -> Flow {
    let words = "The server is stopping.".to_owned();
    say(out, &Response::Text(Status::STOPPING, words));
    Flow::Close
}

fn say(out: &mut Outbox, answer: &Response) {
    out.send(answer.to_string().as_bytes());
}

/// How much of a file is behind `offset`.
fn reaches(length: u64, offset: u64) -> Result<u64, FileError> {
    length
        .checked_sub(offset)
        .ok_or(FileError::Short { length })
}

const HASHED_AT_ONCE: u64 = 4 << 20; // some hundredths of a second at worst
