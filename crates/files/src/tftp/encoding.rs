//! The encoding of a file in a mode: as it is, or as netascii (RFC 764), where a line ends with CR LF,
//! and any other CR is followed by NUL.

use std::io::{self, BufReader, Read, Write};

use crate::tftp::packet::Mode;

/// Encodes what another reader returns.
#[derive(Debug)]
pub struct Encoder<R> {
    source: BufReader<R>,
    mode: Mode,
    pending: Option<u8>, // the second byte of a pair
}

impl<R: Read> Encoder<R> {
    /// Encodes what `source` returns from now on.
    pub fn new(source: R, mode: Mode) -> Self {
        let capacity = match mode {
            Mode::Octet => 0, // blocks are read at once
            Mode::Netascii => READ_BYTES,
        };
        Self {
            source: BufReader::with_capacity(capacity, source),
            mode,
            pending: None,
        }
    }

    /// The next byte of netascii.
    fn next(&mut self) -> Option<io::Result<u8>> {
        if let Some(byte) = self.pending.take() {
            return Some(Ok(byte));
        }
        let byte = self.source.by_ref().bytes().next()?;
        match byte {
            Ok(b'\n') => self.pending = Some(b'\n'),
            Ok(b'\r') => self.pending = Some(0),
            other => return Some(other),
        }
        Some(Ok(b'\r'))
    }
}

impl<R: Read> Read for Encoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.mode == Mode::Octet {
            return self.source.read(out);
        }
        for (count, slot) in out.iter_mut().enumerate() {
            match self.next() {
                Some(Ok(byte)) => *slot = byte,
                Some(Err(error)) if count == 0 => return Err(error),
                None | Some(Err(_)) => return Ok(count), // a lasting error occurs again
            }
        }
        Ok(out.len())
    }
}

/// Decodes what is written to another writer.
#[derive(Debug)]
pub struct Decoder<W> {
    sink: W,
    mode: Mode,
    after_cr: bool,
    plain: Vec<u8>,
    length: u64,
}

impl<W: Write> Decoder<W> {
    /// Writes decoded bytes to `sink`.
    pub fn new(sink: W, mode: Mode) -> Self {
        Self {
            sink,
            mode,
            after_cr: false,
            plain: Vec::new(),
            length: 0,
        }
    }

    /// Writes a CR at the very end, and flushes. Returns the sink, and the number of decoded bytes.
    ///
    /// # Errors
    ///
    /// The sink fails.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        if self.after_cr {
            self.sink.write_all(b"\r")?;
            self.length += 1;
        }
        self.sink.flush()?;
        Ok((self.sink, self.length))
    }
}

impl<W: Write> Write for Decoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.mode == Mode::Octet {
            let count = self.sink.write(bytes)?;
            self.length += count as u64;
            return Ok(count);
        }
        self.plain.clear();
        for &byte in bytes {
            match (std::mem::take(&mut self.after_cr), byte) {
                (true, b'\n') => self.plain.push(b'\n'),
                (true, 0) => self.plain.push(b'\r'),
                (was, b'\r') => {
                    self.after_cr = true;
                    self.plain.extend_from_slice(if was { b"\r" } else { b"" });
                }
                (true, other) => self.plain.extend_from_slice(&[b'\r', other]), // not netascii
                (false, other) => self.plain.push(other),
            }
        }
        self.sink.write_all(&self.plain)?;
        self.length += self.plain.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

const READ_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes `bytes`, reading `size` bytes at a time.
    fn encoded(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut reader = Encoder::new(bytes, Mode::Netascii);
        let mut encoded = Vec::new();
        let mut piece = vec![0; size];
        loop {
            match reader.read(&mut piece).expect("a slice can be read") {
                0 => return encoded,
                count => encoded.extend_from_slice(&piece[..count]),
            }
        }
    }

    fn decoded(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut writer = Decoder::new(Vec::new(), Mode::Netascii);
        for piece in bytes.chunks(size) {
            writer.write_all(piece).expect("a vector takes all");
        }
        writer.finish().expect("a vector takes all").0
    }

    #[test]
    fn lines_end_with_cr_lf() {
        for size in 1..10 {
            assert_eq!(
                encoded(b"one\ntwo\r\nthree\r", size),
                b"one\r\ntwo\r\0\r\nthree\r\0"
            );
            assert_eq!(
                decoded(b"one\r\ntwo\r\0\r\nthree\r\0", size),
                b"one\ntwo\r\nthree\r"
            );
            let strange = b"\na\r\r\0b\rc\r";
            assert_eq!(
                decoded(strange, size),
                b"\na\r\rb\rc\r",
                "a CR without LF or NUL is kept"
            );
        }
    }

    proptest! {
        #[test]
        fn decoding_reverses_encoding(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), any::<u8>()], 0..100),
            sizes in (1..20_usize, 1..20_usize),
        ) {
            let text = encoded(&bytes, sizes.0);
            prop_assert!(!text.windows(2).any(|pair| pair[0] == b'\r' && !matches!(pair[1], 0 | b'\n')));
            prop_assert_eq!(decoded(&text, sizes.1), bytes);
        }
    }
}
