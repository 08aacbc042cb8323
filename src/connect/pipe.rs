//! Standard input and output as they are: no byte is changed, and none waits in a buffer.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::unistd;
use switchboard_client::{Input, Output};

use crate::nonblocking::NonBlocking;

/// Standard input.
pub(super) struct Stdin {
    stdin: io::Stdin,
    is_interactive: bool,
}

/// Standard output.
pub(super) struct Stdout(NonBlocking<io::Stdout>);

impl Stdin {
    /// `is_interactive`: see [`Input::is_interactive`].
    pub(super) fn new(is_interactive: bool) -> Self {
        let stdin = io::stdin();
        Self {
            stdin,
            is_interactive,
        }
    }
}

impl Input for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not by the standard library, which would keep bytes in a buffer that poll(2) does not see.
        Ok(unistd::read(&self.stdin, buffer)?)
    }

    fn is_interactive(&self) -> bool {
        self.is_interactive
    }
}

impl Stdout {
    pub(super) fn new() -> Self {
        Self(NonBlocking::new(io::stdout()))
    }
}

impl Output for Stdout {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes)?)
    }
}
