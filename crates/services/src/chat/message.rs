//! The format of a post: one byte for the kind, and the text as it is shown.

/// The kind of a post, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// A message to the room, which is also shown to those who enter later.
    Chat = b'+',
    /// Something that happened; it is not shown later.
    Notice = b'-',
    /// A message to one person.
    Private = b'@',
}

impl Kind {
    /// The post of this kind with this text.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        [&[self as u8], text.as_bytes()].concat()
    }
}

/// The kind and the text of a post; `None` if it has no known kind. The text may be any bytes.
pub(super) fn decode(post: &[u8]) -> Option<(Kind, &[u8])> {
    let (&first, text) = post.split_first()?;
    let kinds = [Kind::Chat, Kind::Notice, Kind::Private];
    let kind = kinds.into_iter().find(|&kind| kind as u8 == first)?;
    Some((kind, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_round_trip() {
        for kind in [Kind::Chat, Kind::Notice, Kind::Private] {
            assert_eq!(decode(&kind.encode("text")), Some((kind, &b"text"[..])));
            assert_eq!(decode(&kind.encode("")), Some((kind, &b""[..])));
        }
        for other in [&b""[..], b"text", b"\xff"] {
            assert_eq!(decode(other), None);
        }
    }
}
