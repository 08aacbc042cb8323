//! A session of the files protocol: requests, responses, and content between them.

use std::io;
use std::time::{Duration, Instant};

use switchboard_core::Sanitized;
use switchboard_files::{Request, Response, Status, counted};

use crate::files::error::Error;
use crate::files::transport::{Interrupt, Transport};

/// A session with a server that has sent its greeting.
pub(crate) struct Session {
    transport: Box<dyn Transport>,
    timeout: Duration,
    input: Vec<u8>,
    /// What was read and not consumed is `input[start..end]`.
    start: usize,
    end: usize,
    /// The server may not be waiting for a request, so none can be sent.
    is_broken: bool,
}

impl Session {
    /// Waits for the greeting. Any silence longer than `timeout` ends the session.
    pub(crate) fn begin(transport: Box<dyn Transport>, timeout: Duration) -> Result<Self, Error> {
        let mut session = Self {
            transport,
            timeout,
            input: vec![0; INPUT_BYTES],
            start: 0,
            end: 0,
            is_broken: false,
        };
        match session.response(timeout)? {
            Response::Text(Status::GREETING, _) => Ok(session),
            other => Err(session.unexpected(other)),
        }
    }

    /// Sends a request and waits for the response.
    pub(crate) fn request(&mut self, request: &Request) -> Result<Response, Error> {
        self.send(request)?;
        self.response(self.timeout)
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: &Request) -> Result<(), Error> {
        if self.send_ahead(request)? {
            return Ok(());
        }
        // The server has closed. It may have sent the reason.
        Err(match self.response(self.timeout) {
            Ok(response) => self.unexpected(response),
            Err(error) => error,
        })
    }

    /// Sends a request, also while content is still arriving. Returns `false` if the server has closed
    /// the connection; reading the content reports that as well. A line always fits into the socket's
    /// buffer.
    pub(crate) fn send_ahead(&mut self, request: &Request) -> Result<bool, Error> {
        let line = format!("{request}\n");
        self.write_all(line.as_bytes(), Interrupt::Hangup)
    }

    /// Sends content. Returns `false` if the server has responded before the end or has closed the
    /// connection: its response can be read, and the rest was not sent.
    pub(crate) fn send_content(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        self.write_all(bytes, Interrupt::Input)
    }

    /// Returns `false` if it was interrupted, or the server has closed the connection.
    fn write_all(&mut self, mut rest: &[u8], interrupt: Interrupt) -> Result<bool, Error> {
        while !rest.is_empty() {
            match self.transport.write(rest, interrupt, self.timeout) {
                Ok(0) => {
                    self.is_broken = true;
                    return Ok(false);
                }
                Ok(count) => rest = &rest[count..],
                Err(error) => return Err(self.fail(error)),
            }
        }
        Ok(true)
    }

    /// Waits for a response, which the server may need `timeout` to prepare.
    pub(crate) fn response(&mut self, timeout: Duration) -> Result<Response, Error> {
        let mut line = self.line(timeout)?;
        Response::parse(&line).ok_or_else(|| {
            line.truncate(DISPLAYED_BYTES);
            let has_status = line.len() >= 3 && line[..3].iter().all(u8::is_ascii_digit);
            let error = if has_status {
                Error::Protocol(format!("invalid response '{}'", Sanitized(&line)))
            } else {
                Error::Closed(line)
            };
            self.fail(error)
        })
    }

    /// Waits for a line, and returns it without its end. All of it must arrive within `timeout`.
    pub(crate) fn line(&mut self, timeout: Duration) -> Result<Vec<u8>, Error> {
        let deadline = Instant::now() + timeout;
        let mut searched = 0;
        loop {
            let input = &self.input[self.start..self.end];
            let line_end = input[searched..].iter().position(|&byte| byte == b'\n');
            if let Some(line_end) = line_end {
                let line = &input[..searched + line_end];
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.start += searched + line_end + 1;
                return Ok(line);
            }
            searched = input.len();
            if MAX_LINE_BYTES < searched {
                return Err(self.fail(Error::protocol("a line is too long")));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.fail(Error::TimedOut(timeout)));
            }
            match self.fill(left) {
                Ok(0) => return Err(self.closed()),
                Ok(_) => (),
                Err(Error::TimedOut(_)) => return Err(Error::TimedOut(timeout)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Receives `count` bytes of content, and passes them to `take` as they arrive. If `take` fails, the
    /// session ends, since the rest of the content is on its way.
    pub(crate) fn receive_content(
        &mut self,
        count: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut left = count;
        while 0 < left {
            if self.start == self.end && self.fill(self.timeout)? == 0 {
                let missing = io::Error::other(format!("{} missing", counted(left, "byte")));
                return Err(self.fail(Error::Lost(missing)));
            }
            let input = &self.input[self.start..self.end];
            let piece = &input[..input.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            let taken = piece.len();
            if let Err(error) = take(piece) {
                return Err(self.fail(error));
            }
            self.start += taken;
            left -= taken as u64;
        }
        Ok(())
    }

    /// Makes the session unusable: content or lines are outstanding in one direction.
    pub(crate) fn abandon(&mut self) {
        self.is_broken = true;
    }

    /// Whether a request can be sent: nothing is outstanding, and the server has not closed.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_broken && self.start == self.end && !self.transport.has_input()
    }

    /// Reads once, behind what is there already.
    fn fill(&mut self, timeout: Duration) -> Result<usize, Error> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.input.len() - self.start < 2 * MAX_LINE_BYTES {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.transport.read(&mut self.input[self.end..], timeout) {
            Ok(count) => {
                self.end += count;
                Ok(count)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The error for a response that does not fit the request: the server rejects it, or violates the
    /// protocol.
    pub(crate) fn unexpected(&mut self, response: Response) -> Error {
        match response {
            Response::Text(status, message) if !status.is_success() => {
                let error = Error::Rejected(status, shortened(message));
                if status == Status::STOPPING {
                    return self.fail(error);
                }
                error
            }
            other => {
                let response = shortened(other.to_string());
                let response = Sanitized(response.as_bytes());
                self.fail(Error::Protocol(format!("unexpected response '{response}'")))
            }
        }
    }

    /// The error for a connection that the server closed within a line.
    fn closed(&mut self) -> Error {
        let rest = self.input[self.start..self.end].trim_ascii();
        let displayed = &rest[..rest.len().min(DISPLAYED_BYTES)];
        self.fail(match displayed {
            [] => Error::Lost(io::Error::other("the server closed it")),
            displayed => Error::Closed(displayed.to_vec()),
        })
    }

    fn fail(&mut self, error: Error) -> Error {
        self.is_broken = true;
        error
    }
}

/// A text cut to a length that can be displayed.
fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(DISPLAYED_BYTES));
    text
}

const MAX_LINE_BYTES: usize = 32 * 1024; // an entry with a path of 4096 bytes, each escaped
const DISPLAYED_BYTES: usize = 500;
const INPUT_BYTES: usize = 512 * 1024;
