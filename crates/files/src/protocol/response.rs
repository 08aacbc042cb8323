//! What a server answers.

use std::fmt;

use switchboard_core::Sanitized;

use crate::digest::Content;
use crate::error::FileError;
use crate::protocol::entry::Entry;
use crate::protocol::quoting::Words;
use crate::protocol::quoting::number;
use crate::protocol::status::Status;

/// The line that answers a command, or greets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// So many lines follow.
    Lines(u64),
    /// One file or folder.
    Entry(Entry),
    /// The digest that was asked for, and of how much.
    Hash(Content),
    /// So many bytes follow.
    Bytes(u64),
    /// The file is there.
    Stored(Content),
    /// Anything else: what became of it, and words for people.
    Text(Status, String),
}

/// A line that is no answer: its server says it before it closes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server says: {}", Sanitized(.0))]
pub struct NotAResponse(pub Vec<u8>);

impl Response {
    /// What became of the command.
    #[must_use]
    pub fn code(&self) -> Status {
        match self {
            Self::Lines(_) => Status::LINES,
            Self::Entry(_) => Status::ENTRY,
            Self::Hash(_) => Status::HASH,
            Self::Bytes(_) => Status::BYTES,
            Self::Stored(_) => Status::STORED,
            Self::Text(code, _) => *code,
        }
    }

    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(line: &[u8]) -> Result<Self, NotAResponse> {
        Self::read(line).ok_or_else(|| NotAResponse(line.to_owned()))
    }

    fn read(line: &[u8]) -> Option<Self> {
        let (code, rest) = Status::cut(line)?;
        Some(match code {
            Status::LINES => Self::Lines(number(rest)?),
            Status::ENTRY => Self::Entry(Entry::parse(rest)?),
            Status::HASH => Self::Hash(content(rest)?),
            Status::BYTES => Self::Bytes(number(rest)?),
            Status::STORED => Self::Stored(content(rest)?),
            code => Self::Text(code, String::from_utf8_lossy(rest).into_owned()),
        })
    }
}

fn content(rest: &[u8]) -> Option<Content> {
    let mut words = Words::new(rest);
    let length = number(&words.next()?.ok()?)?;
    let sha256 = str::from_utf8(&words.next()?.ok()?).ok()?.parse().ok()?;
    words.next().is_none().then_some(Content { length, sha256 })
}

impl From<&FileError> for Response {
    fn from(problem: &FileError) -> Self {
        Self::Text(problem.code(), problem.to_string())
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code())?;
        match self {
            Self::Lines(count) | Self::Bytes(count) => count.fmt(f),
            Self::Entry(entry) => entry.fmt(f),
            Self::Hash(content) | Self::Stored(content) => content.fmt(f),
            Self::Text(_, words) => f.write_str(words),
        }
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
    fn check(line: &str, answer: &Response) {
        assert_eq!(Response::parse(line.as_bytes()).as_ref(), Ok(answer));
        assert_eq!(answer.to_string(), line);
    }

    #[test]
    fn answers_are_lines() {
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
        let words = Response::Text(Status::EXISTS, FileError::Exists.to_string());
        check("554 there is something of this name already", &words);
        assert_eq!(Response::from(&FileError::Exists), words);
        assert!(Status::STORED.is_success() && !Status::EXISTS.is_success());
        assert!(Status::NO_SPACE.is_transient() && !Status::EXISTS.is_transient());
        let short = Response::parse(b"421").expect("words may be missing");
        assert_eq!(short, Response::Text(Status::STOPPING, String::new()));
    }

    #[test]
    fn what_is_no_answer_is_the_last_that_is_said() {
        for line in [
            "",
            "22",
            "2200 a",
            "220-a",
            "199 a",
            "600 a",
            "+22 a",
            "Too many conversations with 127.0.0.1",
            "210",
            "210 many",
            "210 2 3",
            "213 pipe",
            "214 0",
            "226 -1",
        ] {
            let no_answer = NotAResponse(line.as_bytes().to_owned());
            assert_eq!(Response::parse(line.as_bytes()), Err(no_answer), "{line}");
        }
        let shown = NotAResponse(b"\x1b[2J".to_vec()).to_string();
        assert_eq!(shown, r"the server says: \x1b[2J");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(which in 0..5, number: u64, sha256: [u8; 32], words: String) {
            let content = Content { length: number, sha256: Digest(sha256) };
            let answer = match which {
                0 => Response::Lines(number),
                1 => Response::Hash(content),
                2 => Response::Bytes(number),
                3 => Response::Stored(content),
                _ => Response::Text(Status::NOT_FOUND, words),
            };
            prop_assert_eq!(Response::parse(answer.to_string().as_bytes()), Ok(answer));
        }

        #[test]
        fn any_line_is_read_or_refused(line: Vec<u8>, code in 200..300_u16) {
            Response::parse(&line).ok();
            Response::parse(&[format!("{code} ").as_bytes(), &line].concat()).ok();
        }
    }
}
