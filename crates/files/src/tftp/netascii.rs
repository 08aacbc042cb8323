//! Netascii (RFC 764): a line ends with CR LF, and any other CR is followed by NUL.

use std::io::{self, BufReader, Read, Write};

/// Encodes what another reader returns as netascii.
#[derive(Debug)]
pub struct ToNetascii<R> {
    inner: BufReader<R>,
    pending: Option<u8>, // the second byte of a pair
}

impl<R: Read> ToNetascii<R> {
    /// Encodes what `inner` returns from now on.
    pub fn new(inner: R) -> Self {
        Self {
            inner: BufReader::with_capacity(READ_BYTES, inner),
            pending: None,
        }
    }

    /// The next encoded byte.
    fn next(&mut self) -> Option<io::Result<u8>> {
        if let Some(byte) = self.pending.take() {
            return Some(Ok(byte));
        }
        let byte = self.inner.by_ref().bytes().next()?;
        match byte {
            Ok(b'\n') => self.pending = Some(b'\n'),
            Ok(b'\r') => self.pending = Some(0),
            other => return Some(other),
        }
        Some(Ok(b'\r'))
    }
}

impl<R: Read> Read for ToNetascii<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
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

/// Decodes netascii for another writer.
#[derive(Debug)]
pub struct FromNetascii<W> {
    inner: W,
    after_cr: bool,
    plain: Vec<u8>,
}

impl<W: Write> FromNetascii<W> {
    /// Writes decoded bytes to `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            after_cr: false,
            plain: Vec::new(),
        }
    }

    /// Writes a CR at the very end, and returns the inner writer.
    ///
    /// # Errors
    ///
    /// That CR could not be written.
    pub fn finish(mut self) -> io::Result<W> {
        if self.after_cr {
            self.inner.write_all(b"\r")?;
        }
        Ok(self.inner)
    }
}

impl<W: Write> Write for FromNetascii<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
        self.inner.write_all(&self.plain)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

const READ_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes `bytes`, reading `size` bytes at a time.
    fn encoded(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut reader = ToNetascii::new(bytes);
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
        let mut writer = FromNetascii::new(Vec::new());
        for piece in bytes.chunks(size) {
            writer.write_all(piece).expect("a vector takes all");
        }
        writer.finish().expect("a vector takes all")
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
