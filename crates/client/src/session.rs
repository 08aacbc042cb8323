//! The conversation with a server: a line there, an answer back, and content between.

use std::io;
use std::time::{Duration, Instant};

use switchboard_core::Sanitized;
use switchboard_files::{NotAResponse, Request, Response, Status};

use crate::error::Error;
use crate::transport::{Interrupt, Transport};

/// A conversation with a server that has greeted.
pub(crate) struct Session {
    transport: Box<dyn Transport>,
    patience: Duration,
    input: Vec<u8>,
    /// What of `input` was read and not taken yet.
    from: usize,
    to: usize,
    /// Whether the peer may not be waiting for a line: then no line can be said any more.
    broken: bool,
}

impl Session {
    /// Hears the greeting. Silence ends the conversation after `patience`, always.
    ///
    /// # Errors
    ///
    /// The words of a server that refuses, or whatever else becomes of the connection.
    pub(crate) fn begin(transport: Box<dyn Transport>, patience: Duration) -> Result<Self, Error> {
        let mut session = Self {
            transport,
            patience,
            input: vec![0; INPUT_BYTES],
            from: 0,
            to: 0,
            broken: false,
        };
        match session.hear()? {
            Response::Text(Status::GREETING, _) => Ok(session),
            other => Err(session.misfit(other)),
        }
    }

    /// Says a command.
    pub(crate) fn say(&mut self, command: &Request) -> Result<(), Error> {
        if self.write(command)? {
            Ok(())
        } else {
            Err(self.last_words())
        }
    }

    /// Says a command while content is still to come. Whether the server hears it is seen then, when
    /// all that it sent was taken. Lines are short, and there is room for them.
    pub(crate) fn say_ahead(&mut self, command: &Request) -> Result<(), Error> {
        self.write(command).map(drop)
    }

    /// `false` if the server is gone.
    fn write(&mut self, command: &Request) -> Result<bool, Error> {
        let line = format!("{command}\n");
        self.write_all(line.as_bytes(), Interrupt::Hangup)
    }

    /// `false` if the server is gone, or says what is to be heeded.
    fn write_all(&mut self, mut rest: &[u8], interrupt: Interrupt) -> Result<bool, Error> {
        while !rest.is_empty() {
            match self.transport.write(rest, interrupt, self.patience) {
                Ok(0) => {
                    self.broken = true;
                    return Ok(false);
                }
                Ok(count) => rest = &rest[count..],
                Err(error) => return Err(self.breaks(error)),
            }
        }
        Ok(true)
    }

    /// Says a command and hears the answer.
    pub(crate) fn ask(&mut self, command: &Request) -> Result<Response, Error> {
        self.say(command)?;
        self.hear()
    }

    /// Hears an answer.
    pub(crate) fn hear(&mut self) -> Result<Response, Error> {
        self.hear_for(self.patience)
    }

    /// Hears an answer for which the server has to do something that takes time.
    pub(crate) fn hear_for(&mut self, patience: Duration) -> Result<Response, Error> {
        let line = self.line(patience)?;
        Response::parse(&line).map_err(|NotAResponse(mut line)| {
            line.truncate(SHOWN_BYTES);
            let error = if has_code(&line) {
                Error::Protocol(format!("'{}' is no answer", Sanitized(&line)))
            } else {
                Error::Closed(line)
            };
            self.breaks(error)
        })
    }

    /// Hears one line, without its end. All of it has to be there in time.
    pub(crate) fn line(&mut self, patience: Duration) -> Result<Vec<u8>, Error> {
        let end = Instant::now() + patience;
        let mut looked_at = 0;
        loop {
            let waiting = &self.input[self.from..self.to];
            let line_end = waiting[looked_at..].iter().position(|&byte| byte == b'\n');
            if let Some(line_end) = line_end {
                let line = &waiting[..looked_at + line_end];
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.from += looked_at + line_end + 1;
                return Ok(line);
            }
            looked_at = waiting.len();
            if LINE_BYTES < looked_at {
                let words = "its line has no end";
                return Err(self.breaks(Error::Protocol(words.into())));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.breaks(Error::TimedOut(patience)));
            }
            match self.fill(left) {
                Ok(0) => return Err(self.end_within_line()),
                Ok(_) => (),
                Err(Error::TimedOut(_)) => return Err(Error::TimedOut(patience)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes `count` bytes that are no line, piece by piece.
    ///
    /// # Errors
    ///
    /// Those of `take` too; then the rest is still to come, and the conversation is over.
    pub(crate) fn content(
        &mut self,
        count: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut left = count;
        while 0 < left {
            if self.from == self.to && self.fill(self.patience)? == 0 {
                let words = format!("it ended {left} bytes too early");
                return Err(self.breaks(Error::Lost(io::Error::other(words))));
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let piece = &self.input[self.from..self.to];
            let piece = &piece[..piece.len().min(most)];
            let taken = piece.len();
            if let Err(error) = take(piece) {
                return Err(self.breaks(error));
            }
            self.from += taken;
            left -= taken as u64;
        }
        Ok(())
    }

    /// Sends bytes that are no line. `false` if the server answers meanwhile, or is gone: what it
    /// said can be heard, and the rest was not sent.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        self.write_all(bytes, Interrupt::Input)
    }

    /// From now on nothing can be said: the server waits for something else than a line.
    pub(crate) fn give_up(&mut self) {
        self.broken = true;
    }

    /// Whether a line can be said; nothing is outstanding, and the server has not gone.
    pub(crate) fn is_ready(&self) -> bool {
        !self.broken && self.from == self.to && !self.transport.has_input()
    }

    /// Reads what there is, behind what waits already.
    fn fill(&mut self, patience: Duration) -> Result<usize, Error> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.input.len() - self.from < 2 * LINE_BYTES {
            self.input.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        match self.transport.read(&mut self.input[self.to..], patience) {
            Ok(count) => {
                self.to += count;
                Ok(count)
            }
            Err(error) => Err(self.breaks(error)),
        }
    }

    /// Why an answer that was not waited for ends what was asked: a reason of the server's, or none
    /// that makes sense.
    pub(crate) fn misfit(&mut self, answer: Response) -> Error {
        match answer {
            Response::Text(code, words) if !code.is_success() => {
                let error = Error::Rejected(code, shortened(words));
                if code == Status::STOPPING {
                    return self.breaks(error);
                }
                error
            }
            other => {
                let words = shortened(other.to_string());
                let words = format!("'{}' answers something else", Sanitized(words.as_bytes()));
                self.breaks(Error::Protocol(words))
            }
        }
    }

    /// Why a server does not listen any more: what it said last, if it said anything.
    fn last_words(&mut self) -> Error {
        match self.hear() {
            Ok(answer) => self.misfit(answer),
            Err(error) => error,
        }
    }

    fn end_within_line(&mut self) -> Error {
        let mut rest = self.input[self.from..self.to].trim_ascii().to_vec();
        rest.truncate(SHOWN_BYTES);
        let error = if rest.is_empty() {
            Error::Lost(io::Error::other("the server closed it"))
        } else {
            Error::Closed(rest)
        };
        self.breaks(error)
    }

    fn breaks(&mut self, error: Error) -> Error {
        self.broken = true;
        error
    }
}

/// Whether a line begins as an answer does.
fn has_code(line: &[u8]) -> bool {
    line.len() >= 3 && line[..3].iter().all(u8::is_ascii_digit)
}

/// Words that are not too long to be shown.
fn shortened(mut words: String) -> String {
    words.truncate(words.floor_char_boundary(SHOWN_BYTES));
    words
}

const LINE_BYTES: usize = 32 * 1024; // a path of 4096 bytes, each escaped, and what stands before it
const SHOWN_BYTES: usize = 500;
const INPUT_BYTES: usize = 512 * 1024; // so much is read at once
