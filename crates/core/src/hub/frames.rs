//! What members and the hub say to each other, as bytes between processes.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Adds to `out` what concerns the member of this number.
pub(crate) fn encode<T: Serialize>(number: u32, what: &T, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.extend_from_slice(&number.to_le_bytes());
    postcard::to_io(what, &mut *out)
        .expect("a vector takes all, and there is nothing postcard lacks");
    let length = u32::try_from(out.len() - start - LENGTH_BYTES).expect("a post is far shorter");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Bytes that have arrived, until they are whole.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    start: usize, // so many are done with
}

/// The bytes are not what the other end is supposed to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Garbled;

impl Frames {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        } else if COMPACT_FROM <= self.start {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next thing that has arrived whole, with the number of the member whom it concerns.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<(u32, T)>, Garbled> {
        let rest = &self.bytes[self.start..];
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if LONGEST < length {
            return Err(Garbled);
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let (number, what) = frame.split_first_chunk().ok_or(Garbled)?;
        let what = match postcard::take_from_bytes(what) {
            Ok((what, [])) => what,
            _ => return Err(Garbled),
        };
        let number = u32::from_le_bytes(*number);
        self.start += LENGTH_BYTES + length;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_CAPACITY);
            self.start = 0;
        }
        Ok(Some((number, what)))
    }
}

const LENGTH_BYTES: usize = size_of::<u32>();
const LONGEST: usize = 1 << 30;
const COMPACT_FROM: usize = 256 * 1024;
const KEPT_CAPACITY: usize = 4 * 1024; // idle members are many
