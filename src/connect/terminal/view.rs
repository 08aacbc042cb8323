//! What the terminal shows: lines, and below them the one that is edited.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use switchboard_core::Sanitized;
use terminal_size::{Width, terminal_size};

use super::line::Line;
use super::mode::Mode;
use crate::nonblocking::NonBlocking;

/// The terminal, shared by [`Keyboard`](super::Keyboard) and [`Display`](super::Display).
pub(super) struct View {
    stdout: NonBlocking<io::Stdout>,
    mode: Option<Mode>, // while lines are edited
    unwritten: Vec<u8>,
    retry_at: Option<Instant>,
    has_color: bool,
    pub(super) line: Line,
}

impl View {
    pub(super) fn new() -> Self {
        Self {
            stdout: NonBlocking::new(io::stdout()),
            mode: None,
            unwritten: Vec::new(),
            retry_at: None,
            has_color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            line: Line::default(),
        }
    }

    pub(super) fn is_editing(&self) -> bool {
        self.mode.is_some()
    }

    /// Shows the prompt.
    pub(super) fn start(&mut self) -> io::Result<()> {
        self.mode = Some(Mode::edit()?);
        self.redraw();
        self.flush()
    }

    /// Removes the prompt, and restores the terminal. Text without a line end stays visible.
    pub(super) fn stop(&mut self) {
        if self.mode.take().is_some() {
            let end: &[u8] = if self.line.is_empty() { ERASE } else { b"\n" };
            self.unwritten.extend_from_slice(end);
        }
    }

    /// Stops the program, as Ctrl-Z does elsewhere, until the shell continues it.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        self.stop();
        self.flush()?;
        kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        self.start()
    }

    /// Shows safe text. While a line is edited, it must be whole lines.
    pub(super) fn print(&mut self, text: &[u8]) {
        if self.is_editing() {
            self.unwritten.extend_from_slice(ERASE);
        }
        self.unwritten.extend_from_slice(text);
        self.redraw();
    }

    /// Shows a line that was entered.
    pub(super) fn entered(&mut self, text: &str) {
        let shown = Sanitized(text.trim_end_matches('\n').as_bytes());
        let shown = format!("{}{shown}\n", self.prompt());
        self.unwritten.extend_from_slice(ERASE);
        self.unwritten.extend_from_slice(shown.as_bytes());
    }

    pub(super) fn redraw(&mut self) {
        if !self.is_editing() {
            return;
        }
        let columns = terminal_size().map_or(80, |(Width(columns), _)| usize::from(columns));
        let (text, cursor) = self
            .line
            .visible(columns.saturating_sub(PROMPT_COLUMNS + 1));
        let column = PROMPT_COLUMNS + cursor;
        let row = format!("\r\x1b[K{}{text}\r\x1b[{column}C", self.prompt());
        self.unwritten.extend_from_slice(row.as_bytes());
    }

    fn prompt(&self) -> &'static str {
        match self.has_color {
            true => "\x1b[1m>\x1b[0m ",
            false => "> ",
        }
    }

    /// Whether so much waits for the terminal that nothing more is accepted.
    pub(super) fn is_full(&self) -> bool {
        self.unwritten.len() >= FULL_BYTES
    }

    /// When to write the rest, if there is one.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Writes what the terminal takes now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unwritten.is_empty() {
            match self.stdout.write(&self.unwritten) {
                Ok(count) => drop(self.unwritten.drain(..count)),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => (),
                Err(errno) => return Err(errno.into()),
            }
        }
        let has_rest = !self.unwritten.is_empty();
        self.retry_at = has_rest.then(|| Instant::now() + RETRY_TIME);
        Ok(())
    }

    /// Writes everything.
    pub(super) fn flush_all(&mut self) -> io::Result<()> {
        self.flush()?;
        while !self.unwritten.is_empty() {
            let mut polled = [PollFd::new(self.stdout.as_fd(), PollFlags::POLLOUT)];
            poll(&mut polled, PollTimeout::NONE)?;
            self.flush()?;
        }
        Ok(())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.stop();
        self.flush().ok(); // the terminal may be gone
    }
}

const PROMPT_COLUMNS: usize = 2;
const ERASE: &[u8] = b"\r\x1b[K";
const FULL_BYTES: usize = 64 * 1024;
const RETRY_TIME: Duration = Duration::from_millis(20);
