//! The terminal as output: safe text, above the line that is edited if one is.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use switchboard_client::Output;

use super::safe_text::SafeText;
use super::view::View;

/// What arrives, shown as safe text.
pub(crate) struct Display {
    view: Rc<RefCell<View>>,
    stdout: io::Stdout, // for its descriptor
    text: SafeText,
    last_write: Instant,
}

impl Display {
    pub(super) fn new(view: Rc<RefCell<View>>) -> Self {
        Self {
            view,
            stdout: io::stdout(),
            text: SafeText::default(),
            last_write: Instant::now(),
        }
    }

    /// Shows whole lines, or with `all` also the beginning of one.
    fn show(&mut self, all: bool) -> io::Result<()> {
        let mut view = self.view.borrow_mut();
        let shown = self.text.shown();
        let all = all || !view.is_editing() || shown.len() > MAX_LINE_BYTES;
        let end = match all {
            true => shown.len(),
            false => shown
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |end| end + 1),
        };
        let mut ready: Vec<u8> = shown.drain(..end).collect();
        if !ready.is_empty() {
            if view.is_editing() && !ready.ends_with(b"\n") {
                ready.push(b'\n');
            }
            view.print(&ready);
        }
        view.flush()
    }
}

impl Output for Display {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stdout.as_fd())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.view.borrow_mut().flush()?;
        if self.view.borrow().is_full() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = &bytes[..bytes.len().min(CHUNK_BYTES)];
        self.text.add(bytes);
        self.last_write = Instant::now();
        self.show(false)?;
        Ok(bytes.len())
    }

    fn deadline(&self) -> Option<Instant> {
        let silence = self.last_write + SILENCE;
        let silence = self.text.is_pending().then_some(silence);
        let retry = self.view.borrow().retry_at();
        [silence, retry].into_iter().flatten().min()
    }

    fn on_timer(&mut self) -> io::Result<()> {
        if self.text.is_pending() && self.last_write + SILENCE <= Instant::now() {
            self.text.complete();
            return self.show(true);
        }
        self.view.borrow_mut().flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.text.complete();
        self.show(true)?;
        let mut view = self.view.borrow_mut();
        view.stop();
        view.flush_all()
    }
}

const CHUNK_BYTES: usize = 4096;
const MAX_LINE_BYTES: usize = 4096;
/// An incomplete line is shown after this silence: it may be a prompt.
const SILENCE: Duration = Duration::from_millis(200);
