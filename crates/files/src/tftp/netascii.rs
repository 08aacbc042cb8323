//! Text as it is on the way (RFC 764): a line ends with CR LF, and a CR that ends none is CR NUL.

use std::io::{self, Read, Write};

/// Reads what another reader has as text on the way.
#[derive(Debug)]
pub struct ToNetascii<R> {
    inner: R,
    read: Vec<u8>,
    at: usize,           // so much of `read` is done
    pending: Option<u8>, // the second half of what is two bytes on the way
}

impl<R: Read> ToNetascii<R> {
    /// What `inner` has, from where it is.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            read: Vec::new(),
            at: 0,
            pending: None,
        }
    }

    /// The next byte, on the way.
    fn next(&mut self) -> io::Result<Option<u8>> {
        if let Some(byte) = self.pending.take() {
            return Ok(Some(byte));
        }
        if self.at == self.read.len() {
            self.read.resize(READ_BYTES, 0);
            let count = self.inner.read(&mut self.read);
            self.read.truncate(*count.as_ref().unwrap_or(&0));
            self.at = 0;
            if count? == 0 {
                return Ok(None);
            }
        }
        let byte = self.read[self.at];
        self.at += 1;
        Ok(Some(match byte {
            b'\n' => {
                self.pending = Some(b'\n');
                b'\r'
            }
            b'\r' => {
                self.pending = Some(0);
                b'\r'
            }
            other => other,
        }))
    }
}

impl<R: Read> Read for ToNetascii<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        for (count, place) in out.iter_mut().enumerate() {
            match self.next() {
                Ok(Some(byte)) => *place = byte,
                Err(error) if count == 0 => return Err(error),
                Ok(None) | Err(_) => return Ok(count), // an error comes again, or it was none
            }
        }
        Ok(out.len())
    }
}

/// Writes text that came, as another writer is to have it.
#[derive(Debug)]
pub struct FromNetascii<W> {
    inner: W,
    after_cr: bool,
    plain: Vec<u8>,
}

impl<W: Write> FromNetascii<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            after_cr: false,
            plain: Vec::new(),
        }
    }

    /// The writer, which has all of it now.
    ///
    /// # Errors
    ///
    /// A CR that was the last byte could not be written.
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
                (true, other) => self.plain.extend_from_slice(&[b'\r', other]), // none of ours
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

    /// What `bytes` are on the way, read in pieces of this size.
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
    fn lines_end_with_cr_lf_on_the_way() {
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
                "kept as far as it goes"
            );
        }
    }

    proptest! {
        #[test]
        fn it_comes_as_it_was(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), any::<u8>()], 0..100),
            sizes in (1..20_usize, 1..20_usize),
        ) {
            let way = encoded(&bytes, sizes.0);
            prop_assert!(!way.windows(2).any(|pair| pair[0] == b'\r' && !matches!(pair[1], 0 | b'\n')));
            prop_assert_eq!(decoded(&way, sizes.1), bytes);
        }
    }
}
