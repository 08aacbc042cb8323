//! The file that goes one way or the other.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use switchboard_files::tftp::{FromNetascii, Mode};
use switchboard_files::{AtomicFile, Content, FileError, Source};

use super::problem;

/// A file that is read as long as it was when it was opened. One that has become shorter is an
/// error, since its end would be taken for that of all.
pub(super) struct Whole {
    file: File,
    length: u64,
    read: u64,
}

impl Whole {
    pub(super) fn new(source: Source) -> Self {
        Self {
            file: source.file,
            length: source.length,
            read: 0,
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Whole {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.read).unwrap_or(usize::MAX);
        let most = into.len().min(left);
        let count = self.file.read(&mut into[..most])?;
        if count == 0 && 0 < most {
            return Err(failed(FileError::Short { length: self.read }));
        }
        self.read += count as u64;
        Ok(count)
    }
}

/// A file that comes.
pub(super) struct Intake {
    writer: Writer,
    length: Option<u64>, // that it is to have
}

enum Writer {
    Octet(BufWriter<Drafted>),
    Netascii(FromNetascii<BufWriter<Drafted>>),
}

/// A draft, as something that is written to.
pub(super) struct Drafted(AtomicFile);

impl Intake {
    /// It has this `length`, if that is known.
    pub(super) fn new(draft: AtomicFile, mode: Mode, length: Option<u64>) -> Self {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, Drafted(draft));
        let writer = match mode {
            Mode::Octet => Writer::Octet(writer),
            Mode::Netascii => Writer::Netascii(FromNetascii::new(writer)),
        };
        Self { writer, length }
    }

    /// Gives the file its name, now that all of it has come.
    pub(super) fn publish(self) -> Result<Content, FileError> {
        let writer = match self.writer {
            Writer::Octet(writer) => writer,
            Writer::Netascii(text) => text.finish().map_err(problem)?,
        };
        let drafted = writer
            .into_inner()
            .map_err(|failed| problem(failed.into_error()))?;
        if self
            .length
            .is_some_and(|length| length != drafted.0.length())
        {
            return Err(FileError::Mismatch);
        }
        drafted.0.publish(None)
    }
}

impl Write for Intake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Writer::Octet(writer) => writer.write(bytes),
            Writer::Netascii(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Writer::Octet(writer) => writer.flush(),
            Writer::Netascii(writer) => writer.flush(),
        }
    }
}

impl Write for Drafted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(failed)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What went wrong, among readers and writers.
fn failed(problem: FileError) -> io::Error {
    io::Error::other(problem)
}

const BUFFER_BYTES: usize = 64 * 1024; // many blocks in one call
