//! What is posted: a byte that says of what kind it is, and the text as all see it.

/// How a post is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Somebody said or did something, which who comes later is shown too.
    Said = b'+',
    /// Something happened; who comes later need not know.
    Notice = b'-',
    /// Somebody tells one person something.
    Private = b'@',
}

impl Kind {
    /// A post of this kind.
    pub(super) fn post(self, text: &str) -> Vec<u8> {
        [&[self as u8], text.as_bytes()].concat()
    }
}

/// The kind of a post and its text, which may be anything; `None` if it is no post of a chat.
pub(super) fn read(post: &[u8]) -> Option<(Kind, &[u8])> {
    let (&first, text) = post.split_first()?;
    let kinds = [Kind::Said, Kind::Notice, Kind::Private];
    let kind = kinds.into_iter().find(|&kind| kind as u8 == first)?;
    Some((kind, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_read_as_it_was_written() {
        for kind in [Kind::Said, Kind::Notice, Kind::Private] {
            assert_eq!(read(&kind.post("text")), Some((kind, &b"text"[..])));
            assert_eq!(read(&kind.post("")), Some((kind, &b""[..])));
        }
        for other in [&b""[..], b"text", b"\xff"] {
            assert_eq!(read(other), None);
        }
    }
}
