//! The session of a peer that uses the line protocol.

use std::io::Write;
use std::mem;
use std::time::Duration;
use std::vec;

use switchboard_core::{Flow, Outbox, Result, Session};
use switchboard_files::{
    AtomicFile, Content, Entry, FileError, Follows, Hasher, Listing, Name, Request, Response,
    Source, Status,
};

use crate::files::share::Share;

pub(super) struct LineSession {
    share: Share,
    state: State,
    missing: u64,      // bytes of content, when the upload rate was measured last
    is_stopping: bool, // closes after the current request
}

enum State {
    /// Waiting for a request.
    Idle,
    /// Sending the entries of a folder.
    Listing(Box<Entries>),
    /// Hashing this many bytes of a file.
    Hashing(Hasher, Source, u64),
    /// Receiving a file.
    Receiving(Box<Upload>),
    /// Discarding content of a refused upload, of which this many bytes are missing.
    Discarding(u64),
}

struct Entries {
    listing: Listing,
    page: vec::IntoIter<Entry>, // not sent yet
    is_last: bool,              // the page
}

struct Upload {
    file: AtomicFile,
    content: Content, // as announced
}

impl LineSession {
    pub(super) fn new(share: Share) -> Self {
        Self {
            share,
            state: State::Idle,
            missing: 0,
            is_stopping: false,
        }
    }

    fn on_request(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, FileError> {
        let request = match Request::parse(line) {
            Ok(request) => request,
            Err(invalid) => {
                respond_text(out, invalid.status, &invalid.message);
                return Ok(match invalid.follows {
                    Follows::Request => Flow::Continue,
                    Follows::Content(count) => self.discard(count, out),
                    Follows::Unknown => Flow::Close,
                });
            }
        };
        match request {
            Request::Help => {
                respond(out, &Response::Lines(Request::HELP.len() as u64));
                out.send(Request::HELP.join("\n").as_bytes());
            }
            Request::List(name) => {
                self.state = State::Listing(Box::new(Entries {
                    listing: self.share.folder.list(&name)?,
                    page: Vec::new().into_iter(),
                    is_last: false,
                }));
                return Ok(self.read_page(out));
            }
            Request::Stat(name) => {
                respond(out, &Response::Entry(self.share.folder.entry(&name)?));
            }
            Request::Attributes(name) => {
                let attributes = self.share.folder.attributes(&name)?;
                respond(out, &Response::Attributes(attributes));
            }
            Request::Get { name, offset } => self.get(&name, offset, out)?,
            Request::Hash { name, length } => {
                let source = self.share.folder.read(&name)?;
                let length = length.unwrap_or(source.length);
                bytes_after(length, source.length)?;
                self.state = State::Hashing(Hasher::default(), source, length);
                return Ok(self.continue_hashing(out));
            }
            Request::Put { name, content } => return Ok(self.put(&name, content, out)),
            Request::Quit => {
                respond_text(out, Status::BYE, "Bye.");
                return Ok(Flow::Close);
            }
        }
        Ok(Flow::Continue)
    }

    fn get(&self, name: &Name, offset: u64, out: &mut Outbox) -> Result<(), FileError> {
        let source = self.share.folder.read(name)?;
        let count = bytes_after(offset, source.length)?;
        respond(out, &Response::Bytes(count));
        if 0 < count {
            out.send_file(source.file, offset..source.length);
        }
        Ok(())
    }

    /// Reads further entries, and sends them once their page is complete. The timer continues it, so
    /// that other sessions run in between.
    fn read_page(&mut self, out: &mut Outbox) -> Flow {
        let State::Listing(entries) = &mut self.state else {
            return Flow::Continue;
        };
        match entries.listing.read() {
            Ok(None) => {
                out.set_timer(Duration::ZERO);
                Flow::PauseInput
            }
            Ok(Some(page)) => {
                let count = page.entries.len() as u64;
                let response = match page.is_last {
                    true => Response::Lines(count),
                    false => Response::Page(count),
                };
                respond(out, &response);
                entries.page = page.entries.into_iter();
                entries.is_last = page.is_last;
                self.send_page(out)
            }
            Err(error) => {
                respond(out, &Response::from(&error));
                self.finish_request(out)
            }
        }
    }

    /// Sends the entries of a page, while the outbox has room.
    fn send_page(&mut self, out: &mut Outbox) -> Flow {
        let State::Listing(entries) = &mut self.state else {
            return Flow::Continue;
        };
        while let Some(entry) = entries.page.next() {
            out.send(entry.to_string().as_bytes());
            if out.is_full() && 0 < entries.page.len() {
                return Flow::WhenWritable;
            }
        }
        if entries.is_last {
            return self.finish_request(out);
        }
        out.set_timer(Duration::ZERO);
        Flow::PauseInput
    }

    /// Hashes a part of the file. The timer continues it, so that other sessions run in between.
    fn continue_hashing(&mut self, out: &mut Outbox) -> Flow {
        let State::Hashing(hasher, source, length) = &mut self.state else {
            return Flow::Continue;
        };
        match hasher.read_file(&source.file, *length, HASH_STEP_BYTES) {
            Ok(None) => {
                out.set_timer(Duration::ZERO);
                return Flow::PauseInput;
            }
            Ok(Some(content)) => respond(out, &Response::Hash(content)),
            Err(error) => respond(out, &Response::from(&error)),
        }
        self.finish_request(out)
    }

    fn put(&mut self, name: &Name, content: Content, out: &mut Outbox) -> Flow {
        let length = content.length;
        let Some(rules) = self.share.uploads else {
            respond_text(out, Status::READ_ONLY, "files cannot be put here");
            return self.discard(length, out);
        };
        match AtomicFile::create(&self.share.folder, name, Some(length), rules) {
            Ok(file) => {
                self.state = State::Receiving(Box::new(Upload { file, content }));
                self.expect_content(length, out)
            }
            Err(error) => {
                respond(out, &Response::from(&error));
                self.discard(length, out)
            }
        }
    }

    fn discard(&mut self, count: u64, out: &mut Outbox) -> Flow {
        self.state = State::Discarding(count);
        self.expect_content(count, out)
    }

    /// The next bytes are content. Empty content is complete at once.
    fn expect_content(&mut self, count: u64, out: &mut Outbox) -> Flow {
        out.expect_raw(count);
        if 0 < count {
            self.missing = count;
            out.set_timer(RATE_PERIOD);
        }
        self.on_content(b"", out)
    }

    /// Ends an upload that is too slow: it occupies space that others need.
    fn measure_rate(&mut self, out: &mut Outbox) -> Flow {
        let missing = match &self.state {
            State::Receiving(upload) => upload.missing(),
            State::Discarding(missing) => *missing,
            _ => return Flow::Continue,
        };
        let received = self.missing.saturating_sub(missing);
        match self.share.min_upload_rate {
            Some(rate) if received < rate.saturating_mul(RATE_PERIOD.as_secs()) => {
                let text = format!("the upload is slower than {rate} bytes per second");
                respond_text(out, Status::SLOW, &text);
                self.state = State::Idle;
                Flow::Close
            }
            _ => {
                self.missing = missing;
                out.set_timer(RATE_PERIOD);
                Flow::Continue
            }
        }
    }

    fn on_content(&mut self, bytes: &[u8], out: &mut Outbox) -> Flow {
        let count = bytes.len() as u64;
        self.state = match mem::replace(&mut self.state, State::Idle) {
            State::Receiving(mut upload) => {
                let missing = upload.missing();
                match upload.file.write_all(bytes) {
                    Ok(()) if count < missing => State::Receiving(upload),
                    Ok(()) => {
                        let stored = upload.file.publish(Some(&upload.content));
                        let failed = |error| Response::from(&error);
                        respond(out, &stored.map_or_else(failed, Response::Stored));
                        State::Idle
                    }
                    Err(error) => {
                        respond(out, &Response::from(&FileError::from(error)));
                        State::Discarding(missing.saturating_sub(count))
                    }
                }
            }
            State::Discarding(missing) => State::Discarding(missing.saturating_sub(count)),
            other => other,
        };
        match self.state {
            State::Receiving(_) => Flow::Continue,
            State::Discarding(1..) if !self.is_stopping => Flow::Continue,
            _ => self.finish_request(out),
        }
    }

    fn finish_request(&mut self, out: &mut Outbox) -> Flow {
        self.state = State::Idle;
        if self.is_stopping {
            close(out)
        } else {
            Flow::Continue
        }
    }
}

impl Upload {
    /// The number of bytes that have not arrived.
    fn missing(&self) -> u64 {
        self.content.length.saturating_sub(self.file.length())
    }
}

impl Session for LineSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        let greeting = match self.share.uploads {
            Some(_) => "files. HELP lists the commands.",
            None => "files, read-only. HELP lists the commands.",
        };
        respond_text(out, Status::GREETING, greeting);
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, message: &[u8], out: &mut Outbox) -> Result {
        if let State::Receiving(_) | State::Discarding(_) = self.state {
            return Ok(self.on_content(message, out));
        }
        Ok(self.on_request(message, out).unwrap_or_else(|error| {
            respond(out, &Response::from(&error));
            Flow::Continue
        }))
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        Ok(self.send_page(out))
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        Ok(match &self.state {
            State::Listing(entries) if entries.page.len() == 0 => self.read_page(out),
            State::Listing(_) => self.send_page(out),
            State::Hashing(..) => self.continue_hashing(out),
            _ => self.measure_rate(out),
        })
    }

    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        if let State::Receiving(_) = self.state {
            let message = "that was not all of the content; nothing was kept";
            respond_text(out, Status::MISMATCH, message);
        }
        Ok(Flow::Close)
    }

    /// The current request is completed, except a digest, which can be requested again.
    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        self.is_stopping = true;
        Ok(match self.state {
            State::Receiving(_) => Flow::Continue,
            State::Listing(_) => self.send_page(out),
            State::Idle | State::Hashing(..) | State::Discarding(_) => close(out),
        })
    }
}

fn close(out: &mut Outbox) -> Flow {
    respond_text(out, Status::STOPPING, "The server is stopping.");
    Flow::Close
}

fn respond_text(out: &mut Outbox, status: Status, text: &str) {
    respond(out, &Response::Text(status, text.to_owned()));
}

fn respond(out: &mut Outbox, response: &Response) {
    out.send(response.to_string().as_bytes());
}

/// The number of bytes after `offset` in a file of this length.
fn bytes_after(offset: u64, length: u64) -> Result<u64, FileError> {
    length
        .checked_sub(offset)
        .ok_or_else(|| FileError::short(length, offset))
}

const RATE_PERIOD: Duration = Duration::from_secs(60);
const HASH_STEP_BYTES: u64 = 256 << 10; // less than a millisecond
