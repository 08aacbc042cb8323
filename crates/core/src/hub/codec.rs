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
const LONGEST: usize = 1 << 28; // far more than any session may post
const COMPACT_FROM: usize = 256 * 1024;
const KEPT_CAPACITY: usize = 4 * 1024; // idle members are many

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hub::message::Request;

    fn request() -> impl Strategy<Value = Request> {
        let bytes = prop::collection::vec(any::<u8>(), 0..300);
        prop_oneof![
            ("\\PC*", bytes).prop_map(|(room, bytes)| Request::Post { room, bytes }),
            "\\PC*".prop_map(|room| Request::ListMembers { room }),
            Just(Request::Disconnect),
        ]
    }

    proptest! {
        #[test]
        fn what_is_said_arrives_whatever_the_pieces(
            said in prop::collection::vec((any::<u32>(), request()), 0..20),
            piece in 1..400usize,
        ) {
            let mut bytes = Vec::new();
            for (number, request) in &said {
                encode(*number, request, &mut bytes);
            }
            let (mut frames, mut heard) = (Frames::default(), Vec::new());
            for piece in bytes.chunks(piece) {
                frames.push(piece);
                while let Some(next) = frames.next::<Request>().expect("it makes sense") {
                    heard.push(next);
                }
            }
            prop_assert_eq!(heard, said);
        }

        #[test]
        fn what_makes_no_sense_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut frames = Frames::default();
            frames.push(&bytes);
            while let Ok(Some(_)) = frames.next::<Request>() {}
        }
    }

    #[test]
    fn what_makes_no_sense_is_noticed() {
        for bytes in [
            &[1, 0, 0, 0, 9][..],            // no number of a member
            &[5, 0, 0, 0, 0, 0, 0, 0, 99],   // no such request
            &[6, 0, 0, 0, 0, 0, 0, 0, 4, 4], // more than the request
            &[0xff; 4],                      // longer than anything is
        ] {
            let mut frames = Frames::default();
            frames.push(bytes);
            assert_eq!(frames.next::<Request>(), Err(Garbled), "{bytes:?}");
        }
    }
}
