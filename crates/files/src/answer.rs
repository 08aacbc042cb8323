//! What a server answers.

use std::fmt;

use switchboard_core::Sanitized;

use crate::code::Code;
use crate::digest::Content;
use crate::entry::Entry;
use crate::number::number;
use crate::problem::Problem;
use crate::word::Words;

/// The line that answers a command, or greets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// So many lines follow.
    Lines(u64),
    /// One file or folder.
    Entry(Entry),
    /// The digest that was asked for, and of how much.
    Hash(Content),
    /// So many bytes follow.
    Bytes(u64),
    /// The file is there.
    Kept(Content),
    /// Anything else: what became of it, and words for people.
    Words(Code, String),
}

/// A line that is no answer: its server says it before it closes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server says: {}", Sanitized(.0))]
pub struct NoAnswer(pub Vec<u8>);

impl Answer {
    /// What became of the command.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Lines(_) => Code::LINES,
            Self::Entry(_) => Code::ENTRY,
            Self::Hash(_) => Code::HASH,
            Self::Bytes(_) => Code::BYTES,
            Self::Kept(_) => Code::KEPT,
            Self::Words(code, _) => *code,
        }
    }

    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(line: &[u8]) -> Result<Self, NoAnswer> {
        Self::read(line).ok_or_else(|| NoAnswer(line.to_owned()))
    }

    fn read(line: &[u8]) -> Option<Self> {
        let (code, rest) = Code::cut(line)?;
        Some(match code {
            Code::LINES => Self::Lines(number(rest)?),
            Code::ENTRY => Self::Entry(Entry::parse(rest)?),
            Code::HASH => Self::Hash(content(rest)?),
            Code::BYTES => Self::Bytes(number(rest)?),
            Code::KEPT => Self::Kept(content(rest)?),
            code => Self::Words(code, String::from_utf8_lossy(rest).into_owned()),
        })
    }
}

fn content(rest: &[u8]) -> Option<Content> {
    let mut words = Words::new(rest);
    let length = number(&words.next()?.ok()?)?;
    let sha256 = str::from_utf8(&words.next()?.ok()?).ok()?.parse().ok()?;
    words.next().is_none().then_some(Content { length, sha256 })
}

impl From<&Problem> for Answer {
    fn from(problem: &Problem) -> Self {
        Self::Words(problem.code(), problem.to_string())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code())?;
        match self {
            Self::Lines(count) | Self::Bytes(count) => count.fmt(f),
            Self::Entry(entry) => entry.fmt(f),
            Self::Hash(content) | Self::Kept(content) => content.fmt(f),
            Self::Words(_, words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;
    use crate::entry::Kind;
    use crate::time::Time;

    #[track_caller]
    fn check(line: &str, answer: &Answer) {
        assert_eq!(Answer::parse(line.as_bytes()).as_ref(), Ok(answer));
        assert_eq!(answer.to_string(), line);
    }

    #[test]
    fn answers_are_lines() {
        check("210 2", &Answer::Lines(2));
        check("226 1234", &Answer::Bytes(1234));
        let content = Content {
            length: 0,
            sha256: Digest::of(b""),
        };
        let digest = content.sha256;
        check(&format!("214 0 {digest}"), &Answer::Hash(content));
        check(&format!("230 0 {digest}"), &Answer::Kept(content));
        let entry = Entry {
            kind: Kind::Folder,
            modified: Time::default(),
            name: b"a".to_vec(),
        };
        check("213 folder - 1970-01-01T00:00:00Z a", &Answer::Entry(entry));
        let words = Answer::Words(Code::EXISTS, Problem::Exists.to_string());
        check("554 there is something of this name already", &words);
        assert_eq!(Answer::from(&Problem::Exists), words);
        assert!(Code::KEPT.is_done() && !Code::EXISTS.is_done());
        assert!(Code::NO_ROOM.may_pass() && !Code::EXISTS.may_pass());
        let short = Answer::parse(b"421").expect("words may be missing");
        assert_eq!(short, Answer::Words(Code::STOPPING, String::new()));
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
            let no_answer = NoAnswer(line.as_bytes().to_owned());
            assert_eq!(Answer::parse(line.as_bytes()), Err(no_answer), "{line}");
        }
        let shown = NoAnswer(b"\x1b[2J".to_vec()).to_string();
        assert_eq!(shown, r"the server says: \x1b[2J");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(which in 0..5, number: u64, sha256: [u8; 32], words: String) {
            let content = Content { length: number, sha256: Digest(sha256) };
            let answer = match which {
                0 => Answer::Lines(number),
                1 => Answer::Hash(content),
                2 => Answer::Bytes(number),
                3 => Answer::Kept(content),
                _ => Answer::Words(Code::MISSING, words),
            };
            prop_assert_eq!(Answer::parse(answer.to_string().as_bytes()), Ok(answer));
        }

        #[test]
        fn any_line_is_read_or_refused(line: Vec<u8>, code in 200..300_u16) {
            Answer::parse(&line).ok();
            Answer::parse(&[format!("{code} ").as_bytes(), &line].concat()).ok();
        }
    }
}
