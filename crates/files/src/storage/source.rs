//! A file that is read.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;

use crate::error::FileError;
use crate::protocol::entry::Kind;

/// A regular file, opened for reading.
///
/// [`Read`] ends at `length`, even if the file grows. If it shrinks, reading fails with
/// [`FileError::Short`], so that no part is mistaken for the whole.
#[derive(Debug)]
pub struct Source {
    /// The file, positioned at its beginning.
    pub file: File,
    /// In bytes, when it was opened.
    pub length: u64,
    position: u64,
}

impl Source {
    /// Opens the file at `path`. Symbolic links are followed.
    ///
    /// # Errors
    ///
    /// There is no regular file, or it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Self::new(open(path.as_ref())?)
    }

    /// Reads at most `max_bytes` of what is at `path`: a regular file, or a pipe whose writers close it
    /// within `timeout`. Anything else may be without end.
    ///
    /// # Errors
    ///
    /// There is something else, it cannot be read, or the time is over.
    pub fn read_file_or_pipe(
        path: impl AsRef<Path>,
        max_bytes: u64,
        timeout: Duration,
    ) -> io::Result<Vec<u8>> {
        let file = open(path.as_ref())?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(Errno::EISDIR.into());
        }
        if !kind.is_file() && !kind.is_fifo() {
            return Err(FileError::NotAFile.into());
        }
        let deadline = Instant::now() + timeout;
        let mut source = (&file).take(max_bytes);
        let mut bytes = Vec::new();
        loop {
            if kind.is_fifo() {
                wait_for_input(&file, deadline, timeout)?;
            }
            match source.read_to_end(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                read => return read.map(|_| bytes),
            }
        }
    }

    pub(super) fn new(file: File) -> Result<Self, FileError> {
        match Kind::of(&fstat(&file)?) {
            Some(Kind::File(length)) => Ok(Self {
                file,
                length,
                position: 0,
            }),
            _ => Err(FileError::NotAFile),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY; // opening a pipe would wait for a writer
    let mut options = File::options();
    options.read(true).custom_flags(flags.bits()).open(path)
}

/// Waits until the pipe has bytes, or is closed by its last writer.
fn wait_for_input(pipe: &File, deadline: Instant, timeout: Duration) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, wait) {
            Ok(1..) => return Ok(()),
            Ok(_) if left.is_zero() => {
                let message = format!(
                    "the pipe was not written and closed within {} s",
                    timeout.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            Ok(_) | Err(Errno::EINTR) => (),
            Err(errno) => return Err(errno.into()),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length - self.position;
        let count = (&self.file).take(left).read(buffer)?;
        if count == 0 && 0 < left && !buffer.is_empty() {
            return Err(FileError::ended(&self.file, self.position, self.length).into());
        }
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn a_pipe_is_read_until_it_is_closed_or_the_time_is_over() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = directory.path().join("pipe");
        mkfifo(&path, Mode::S_IRWXU).expect("the disk has room");
        let read = |timeout| Source::read_file_or_pipe(&path, 100, timeout);
        // Nobody opens it for writing.
        let error = read(Duration::from_millis(1)).expect_err("no end");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut options = File::options();
        let mut writer = options.read(true).write(true).open(&path).expect("a pipe");
        writer.write_all(b"hello").expect("the pipe has room");
        let error = read(Duration::from_millis(1)).expect_err("no end");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        writer.write_all(b"hello").expect("the pipe has room");
        let timeout = Duration::from_secs(60);
        let bounded = Source::read_file_or_pipe(&path, 3, timeout);
        assert_eq!(bounded.expect("enough"), b"hel");
        drop(writer);
        let whole = Source::read_file_or_pipe(&path, 100, timeout);
        assert_eq!(whole.expect("an end"), b"lo");
        for device in ["/dev/zero", "/dev/null", "/dev/tty", "/"] {
            read_fails(device);
        }
    }

    #[track_caller]
    fn read_fails(path: &str) {
        let read = Source::read_file_or_pipe(path, 100, Duration::from_secs(60));
        read.expect_err(path);
    }

    #[test]
    fn reading_ends_at_the_length_when_opened() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(&file, "hello").expect("the disk has room");
        let mut grown = Source::open(file.path()).expect("a file");
        let mut shrunk = Source::open(file.path()).expect("a file");
        file.as_file().set_len(3).expect("it can be cut");
        let error = io::read_to_string(&mut shrunk).expect_err("two bytes are missing");
        let error = FileError::from(error);
        assert!(matches!(
            error,
            FileError::Short {
                length: 3,
                missing: 2
            }
        ));
        // What was read before may be gone, too.
        let mut shrunk = Source::open(file.path()).expect("a file");
        shrunk.read_exact(&mut [0; 2]).expect("a part");
        file.as_file().set_len(1).expect("it can be cut");
        let error = io::read_to_string(&mut shrunk).expect_err("two bytes are missing");
        let error = FileError::from(error).to_string();
        assert_eq!(error, "the file has only 1 byte, 2 fewer than expected");
        file.as_file().set_len(3).expect("it can grow");
        file.as_file()
            .write_all(b"hello world")
            .expect("the disk has room");
        assert_eq!(io::read_to_string(&mut grown).expect("text"), "hello");
    }
}
