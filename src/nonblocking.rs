//! Writing to a standard stream without waiting for its reader.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use nix::fcntl::OFlag;
use nix::sys::socket::{MsgFlags, send};
use nix::unistd;

/// How to write to standard output or standard error without blocking.
///
/// The flag O_NONBLOCK is not set on the stream itself: it would affect every process that uses the
/// stream.
pub(crate) enum NonBlocking<S> {
    /// A pipe or a terminal, opened once more.
    Reopened(File),
    /// A socket, where each send has the flag MSG_DONTWAIT.
    Socket(S),
    /// A file, where a write succeeds or fails at once.
    Direct(S),
}

impl<S: AsFd> NonBlocking<S> {
    pub(crate) fn new(stream: S) -> Self {
        let path = format!("/proc/self/fd/{}", stream.as_fd().as_raw_fd());
        let Ok(file) = fs::metadata(&path) else {
            return Self::Direct(stream);
        };
        let kind = file.file_type();
        if kind.is_socket() {
            return Self::Socket(stream);
        }
        if !kind.is_fifo() && !kind.is_char_device() {
            return Self::Direct(stream);
        }
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(flags.bits());
        match options.open(path) {
            Ok(file) => Self::Reopened(file),
            Err(_) => Self::Direct(stream),
        }
    }

    /// Writes as much of `bytes` as there is room for.
    pub(crate) fn write(&self, bytes: &[u8]) -> nix::Result<usize> {
        match self {
            Self::Reopened(own) => unistd::write(own, bytes),
            Self::Socket(stream) => {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                send(stream.as_fd().as_raw_fd(), bytes, flags)
            }
            Self::Direct(stream) => unistd::write(stream, bytes),
        }
    }
}

impl<S: AsFd> AsFd for NonBlocking<S> {
    /// Writable when there is room.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Reopened(own) => own.as_fd(),
            Self::Socket(stream) | Self::Direct(stream) => stream.as_fd(),
        }
    }
}
