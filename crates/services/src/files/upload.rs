//! A file that is received over TFTP.

use std::io::{self, BufWriter, Write};

use switchboard_files::tftp::{FromNetascii, Mode};
use switchboard_files::{AtomicFile, Content, FileError};

/// A file that is received, decoded if it is text.
pub(super) struct Upload {
    writer: Writer,
    length: Option<u64>, // as announced
}

enum Writer {
    Octet(BufWriter<AtomicFile>),
    Netascii(FromNetascii<BufWriter<AtomicFile>>),
}

impl Upload {
    /// Receives into `file`, which is to have this `length` if that is known.
    pub(super) fn new(file: AtomicFile, mode: Mode, length: Option<u64>) -> Self {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        let writer = match mode {
            Mode::Octet => Writer::Octet(writer),
            Mode::Netascii => Writer::Netascii(FromNetascii::new(writer)),
        };
        Self { writer, length }
    }

    /// Gives the file its name, after all of it was received.
    pub(super) fn publish(self) -> Result<Content, FileError> {
        let writer = match self.writer {
            Writer::Octet(writer) => writer,
            Writer::Netascii(text) => text.finish()?,
        };
        let file = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        if self.length.is_some_and(|length| length != file.length()) {
            return Err(FileError::Mismatch);
        }
        file.publish(None)
    }
}

impl Write for Upload {
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

const BUFFER_BYTES: usize = 64 * 1024; // many blocks in one call
