//! The line with which a server answers a request.

use std::fmt;

use crate::digest::Content;
use crate::error::FileError;
use crate::protocol::attributes::Attributes;
use crate::protocol::entry::Entry;
use crate::protocol::quoting::{Words, number};
use crate::protocol::status::Status;

/// The answer to a request, or the greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response {
    /// This many lines follow.
    Lines(u64),
    /// This many lines follow, and then another response to the same request.
    Page(u64),
    /// One file or folder.
    Entry(Entry),
    /// The attributes of a file.
    Attributes(Attributes),
    /// The requested digest, and the length that it covers.
    Hash(Content),
    /// This many bytes follow.
    Bytes(u64),
    /// The file is stored.
    Stored(Content),
    /// Any other status, with a message for people.
    Text(Status, String),
}

impl Response {
    /// Parses a line, without its end. `None` if it does not begin with a status, or its arguments do
    /// not fit that status, as in the message of a server that refuses the client.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let (status, rest) = Status::split(line)?;
        Some(match status {
            Status::LINES => Self::Lines(number(rest)?),
            Status::PAGE => Self::Page(number(rest)?),
            Status::ENTRY => Self::Entry(Entry::parse(rest)?),
            Status::ATTRIBUTES => Self::Attributes(Attributes::parse(rest)?),
            Status::HASH => Self::Hash(content(rest)?),
            Status::BYTES => Self::Bytes(number(rest)?),
            Status::STORED => Self::Stored(content(rest)?),
            status => Self::Text(status, String::from_utf8_lossy(rest).into_owned()),
        })
    }
}

fn content(text: &[u8]) -> Option<Content> {
    let [length, sha256] = Words::parse(text)?;
    Some(Content {
        length: number(&length)?,
        sha256: str::from_utf8(&sha256).ok()?.parse().ok()?,
    })
}

impl From<&FileError> for Response {
    fn from(error: &FileError) -> Self {
        Self::Text(error.into(), error.to_string())
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, arguments): (_, &dyn fmt::Display) = match self {
            Self::Lines(count) => (Status::LINES, count),
            Self::Page(count) => (Status::PAGE, count),
            Self::Entry(entry) => (Status::ENTRY, entry),
            Self::Attributes(attributes) => (Status::ATTRIBUTES, attributes),
            Self::Hash(content) => (Status::HASH, content),
            Self::Bytes(count) => (Status::BYTES, count),
            Self::Stored(content) => (Status::STORED, content),
            Self::Text(status, message) => (*status, message),
        };
        write!(f, "{status} {arguments}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;
    use crate::protocol::entry::Kind;
    use crate::timestamp::Timestamp;

    #[track_caller]
    fn check(line: &str, response: &Response) {
        assert_eq!(Response::parse(line.as_bytes()).as_ref(), Some(response));
        assert_eq!(response.to_string(), line);
    }

    #[test]
    fn responses_are_lines() {
        check("210 2", &Response::Lines(2));
        check("226 1234", &Response::Bytes(1234));
        let content = Content {
            length: 0,
            sha256: Digest::of(b""),
        };
        let digest = content.sha256;
        check(&format!("214 0 {digest}"), &Response::Hash(content));
        check(&format!("230 0 {digest}"), &Response::Stored(content));
        let entry = Entry {
            kind: Kind::Folder,
            modified: Timestamp::default(),
            name: b"a".to_vec(),
        };
        check(
            "213 folder - 1970-01-01T00:00:00Z a",
            &Response::Entry(entry),
        );
        let text = Response::Text(Status::EXISTS, FileError::Exists.to_string());
        check("554 a file or folder of this name exists already", &text);
        assert_eq!(Response::from(&FileError::Exists), text);
        assert!(Status::STORED.is_success() && !Status::EXISTS.is_success());
        let short = Response::parse(b"421").expect("the message may be missing");
        assert_eq!(short, Response::Text(Status::STOPPING, String::new()));
    }

    #[test]
    fn other_lines_are_no_responses() {
        for line in [
            "",
            "22",
            "2200 a",
            "220-a",
            "199 a",
            "600 a",
            "+22 a",
            "Too many connections from 127.0.0.1",
            "210",
            "210 many",
            "210 2 3",
            "213 pipe",
            "214 0",
            "226 -1",
        ] {
            assert_eq!(Response::parse(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_displayed_response_parses(which in 0..5, number: u64, sha256: [u8; 32], message: String) {
            let content = Content { length: number, sha256: Digest(sha256) };
            let response = match which {
                0 => Response::Lines(number),
                1 => Response::Hash(content),
                2 => Response::Bytes(number),
                3 => Response::Stored(content),
                _ => Response::Text(Status::NOT_FOUND, message),
            };
            prop_assert_eq!(Response::parse(response.to_string().as_bytes()), Some(response));
        }

        #[test]
        fn any_line_is_parsed_or_refused(line: Vec<u8>, code in 200..300_u16) {
            for line in [[format!("{code} ").as_bytes(), &line].concat(), line] {
                if let Some(response) = Response::parse(&line) {
                    let displayed = response.to_string();
                    prop_assert_eq!(Response::parse(displayed.as_bytes()), Some(response));
                }
            }
        }
    }
}
