//! The keyboard as input: a line at a time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::unistd;
use switchboard_client::Input;

use super::line::Done;
use super::view::View;

/// The lines that are typed.
pub(crate) struct Keyboard {
    view: Rc<RefCell<View>>,
    stdin: io::Stdin,
    always_readable: File, // polled while lines that were entered wait to be read
    entered: VecDeque<Vec<u8>>,
    has_started: Cell<bool>,
    has_ended: bool,
}

impl Keyboard {
    pub(super) fn new(view: Rc<RefCell<View>>) -> io::Result<Self> {
        Ok(Self {
            view,
            stdin: io::stdin(),
            always_readable: File::open("/dev/null")?,
            entered: VecDeque::new(),
            has_started: Cell::new(false),
            has_ended: false,
        })
    }

    fn read_keys(&mut self) -> io::Result<()> {
        let mut keys = [0; 4096];
        let count = match unistd::read(&self.stdin, &mut keys) {
            Ok(count) => count,
            Err(Errno::EIO) => 0, // the terminal is gone
            Err(errno) => return Err(errno.into()),
        };
        let mut view = self.view.borrow_mut();
        self.has_ended = count == 0;
        for done in view.line.type_bytes(&keys[..count]) {
            match done {
                Done::Entered(text) => {
                    view.entered(&text);
                    self.entered.push_back(text.into_bytes());
                }
                Done::Suspended => view.suspend()?,
                Done::End => {
                    self.has_ended = true;
                    break;
                }
            }
        }
        if self.has_ended {
            view.stop();
        }
        view.redraw();
        view.flush()
    }
}

impl Input for Keyboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        if !self.has_started.replace(true) {
            self.view.borrow_mut().start().ok(); // without it, whole lines are still read
        }
        match self.entered.is_empty() && !self.has_ended {
            true => self.stdin.as_fd(),
            false => self.always_readable.as_fd(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.entered.is_empty() && !self.has_ended {
            self.read_keys()?;
        }
        let Some(mut line) = self.entered.pop_front() else {
            return match self.has_ended {
                true => Ok(0),
                false => Err(io::ErrorKind::WouldBlock.into()),
            };
        };
        let count = line.len().min(buffer.len());
        buffer[..count].copy_from_slice(&line[..count]);
        if count < line.len() {
            self.entered.push_front(line.split_off(count));
        }
        Ok(count)
    }

    fn is_paused(&self) -> bool {
        self.view.borrow().is_full()
    }

    fn is_interactive(&self) -> bool {
        true
    }
}
