//! The encoding of messages between members and the hub in another process: postcard, in frames.
//!
//! A frame is a length (u32, little-endian), which counts what follows it, the number of the member
//! and the message.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::Bytes;

use crate::byte_queue::ByteQueue;
use crate::hub::types::Post;

/// Appends to `out` a message from or to the member of this number.
pub(crate) fn encode<T: Serialize>(number: u32, message: &T, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    postcard::to_io(&(number, message), &mut *out)
        .expect("a vector takes all, and postcard has all types");
    let length = u32::try_from(out.len() - start - LENGTH_BYTES).expect("a post is far shorter");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// All of a post but its payload is encoded once, and appended for each receiver.
impl Serialize for Post {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let header = self.header.get_or_init(|| {
            let header = (&self.room, &self.sender, self.sequence);
            postcard::to_stdvec(&header).expect("postcard has all types")
        });
        (Bytes::new(header), Bytes::new(&self.bytes)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Post {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (header, bytes) = <(&[u8], &[u8])>::deserialize(deserializer)?;
        let (room, sender, sequence) = postcard::from_bytes(header).map_err(D::Error::custom)?;
        Ok(Self::new(room, sender, sequence, bytes.to_vec()))
    }
}

/// Bytes to send or to decode. Its capacity is small: idle members are many.
pub(crate) type Queue = ByteQueue<{ 4 * 1024 }>;

/// The bytes are no frame of the expected messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Takes the next complete message from received bytes, with the number of its member.
pub(crate) fn decode<T: DeserializeOwned>(
    input: &mut Queue,
) -> Result<Option<(u32, T)>, Malformed> {
    let Some((length, rest)) = input.as_slice().split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if MAX_LENGTH < length {
        return Err(Malformed);
    }
    let Some(frame) = rest.get(..length) else {
        return Ok(None);
    };
    match postcard::take_from_bytes(frame) {
        Ok((message, [])) => {
            input.remove(LENGTH_BYTES + length);
            Ok(Some(message))
        }
        _ => Err(Malformed),
    }
}

const LENGTH_BYTES: usize = size_of::<u32>();
const MAX_LENGTH: usize = 1 << 28; // far more than any session may post

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::hub::message::{HubMessage, Request};
    use crate::hub::types::{Member, RoomEvent};
    use crate::peer::Transport;

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
        fn messages_survive_any_chunking(
            sent in prop::collection::vec((any::<u32>(), request()), 0..20),
            chunk in 1..400usize,
        ) {
            let mut bytes = Vec::new();
            for (number, request) in &sent {
                encode(*number, request, &mut bytes);
            }
            let (mut input, mut received) = (Queue::default(), Vec::new());
            for chunk in bytes.chunks(chunk) {
                input.buffer().extend_from_slice(chunk);
                while let Some(next) = decode::<Request>(&mut input).expect("it was encoded here") {
                    received.push(next);
                }
            }
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut input = Queue::default();
            input.buffer().extend_from_slice(&bytes);
            while let Ok(Some(_)) = decode::<Request>(&mut input) {}
            let mut input = Queue::default();
            input.buffer().extend_from_slice(&bytes);
            while let Ok(Some(_)) = decode::<HubMessage>(&mut input) {}
        }
    }

    #[test]
    fn a_post_is_the_same_for_every_receiver() {
        let sender = Arc::new(Member::new(7, "alice", 1, Transport::Stream));
        let post = Arc::new(Post::new("r".into(), sender, 3, b"\0hello".to_vec()));
        for (number, past) in [(1, false), (2, true), (3, false)] {
            let post = Arc::clone(&post);
            let mut bytes = Vec::new();
            encode(
                number,
                &HubMessage::Event(RoomEvent::Post { post, past }),
                &mut bytes,
            );
            let mut input = Queue::default();
            input.buffer().extend_from_slice(&bytes);
            let received = decode::<HubMessage>(&mut input).expect("it was encoded here");
            let Some((to, HubMessage::Event(RoomEvent::Post { post, past: was }))) = received
            else {
                panic!("it is {received:?}");
            };
            assert_eq!((to, was), (number, past));
            assert_eq!((&*post.room, post.sequence), ("r", 3));
            assert_eq!((&*post.sender.name, post.sender.id), ("alice", 7));
            assert_eq!(post.bytes, b"\0hello");
        }
    }

    #[test]
    fn malformed_frames_are_errors() {
        for bytes in [
            &[0, 0, 0, 0][..],      // no number of a member
            &[1, 0, 0, 0, 9],       // nothing after it
            &[2, 0, 0, 0, 0, 99],   // no such request
            &[3, 0, 0, 0, 0, 4, 4], // more than the request
            &[0xff; 4],             // longer than any message
        ] {
            let mut input = Queue::default();
            input.buffer().extend_from_slice(bytes);
            assert_eq!(decode::<Request>(&mut input), Err(Malformed), "{bytes:?}");
        }
    }
}
