//! Standard input and output as they are, for pipes and files.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use switchboard_client::{Input, Output};

/// Standard input, unbuffered.
pub(super) struct Stdin(io::Stdin);

/// Standard output, unbuffered.
pub(super) struct Stdout(io::Stdout);

impl Stdin {
    pub(super) fn new() -> Self {
        Self(io::stdin())
    }
}

impl Input for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().read(buffer)
    }
}

impl Stdout {
    pub(super) fn new() -> Self {
        Self(io::stdout())
    }
}

impl Output for Stdout {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = self.0.lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(bytes.len())
    }
}
