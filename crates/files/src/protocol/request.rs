//! What a peer asks for.

use std::borrow::Cow;
use std::fmt;

use crate::digest::{Content, ParseDigestError};
use crate::name::{Name, NameError};
use crate::protocol::quoting::number;
use crate::protocol::quoting::{QuotingError, Words};
use crate::protocol::status::Status;

/// A command, as one line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What can be asked for.
    Help,
    /// What there is in a folder.
    List(Name),
    /// One file or folder.
    Stat(Name),
    /// The bytes of a file, from `offset` on.
    Get {
        /// Of this file.
        name: Name,
        /// So many are left out in front.
        offset: u64,
    },
    /// The digest of a file, or of what is in front of `length`.
    Hash {
        /// Of this file.
        name: Name,
        /// Of so many bytes; of all of them if it is not said.
        length: Option<u64>,
    },
    /// A file is to be kept; its content follows.
    Put {
        /// Under this name, which is not that of the folder itself.
        name: Name,
        /// That is what follows.
        content: Content,
    },
    /// The end.
    Quit,
}

/// A line that is no command, and what to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// What became of it.
    pub code: Status,
    /// Why, in words.
    pub words: String,
    /// What comes behind the line.
    pub follows: Follows,
}

/// What comes behind a line that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The next command.
    Request,
    /// So many bytes of a file that is not taken.
    Content(u64),
    /// Nobody knows.
    Unknown,
}

impl Request {
    /// What `HELP` tells.
    pub const HELP: [&str; 9] = [
        "LIST [NAME]            what there is in a folder",
        "STAT NAME              one file or folder",
        "GET NAME [OFFSET]      the bytes of a file, from OFFSET on",
        "HASH NAME [LENGTH]     the SHA-256 of a file, or of its first LENGTH bytes",
        "PUT NAME SIZE SHA256   keeps a file; its SIZE bytes follow at once",
        "QUIT                   the end",
        "Files are served as they are; SIZE, OFFSET and LENGTH count bytes.",
        "A NAME with blanks stands between quotes: \"my notes.txt\"",
        "Answers begin with a number: 2.. done, 4.. try again later, 5.. not done.",
    ];

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// It is no command, or has not the words of that command.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidRequest> {
        let mut words = Arguments(Words::new(line));
        let verb = words.word().unwrap_or_default().to_ascii_uppercase();
        let (usage, read): (_, Read) = match &*verb {
            b"HELP" => ("HELP", |_| Ok(Self::Help)),
            b"LIST" => ("LIST [NAME]", |words| {
                let name = words.optional(Arguments::name)?;
                Ok(Self::List(name.unwrap_or_default()))
            }),
            b"STAT" => ("STAT NAME", |words| Ok(Self::Stat(words.name()?))),
            b"GET" => ("GET NAME [OFFSET]", |words| {
                let name = words.name()?;
                let offset = words.optional(Arguments::number)?.unwrap_or(0);
                Ok(Self::Get { name, offset })
            }),
            b"HASH" => ("HASH NAME [LENGTH]", |words| {
                let name = words.name()?;
                let length = words.optional(Arguments::number)?;
                Ok(Self::Hash { name, length })
            }),
            b"PUT" => return Self::put(&mut words),
            b"QUIT" => ("QUIT", |_| Ok(Self::Quit)),
            _ => return Err(InvalidRequest::no_command()),
        };
        read(&mut words)
            .and_then(|command| words.end().map(|()| command))
            .map_err(|wrong| wrong.tell(usage, Follows::Request))
    }

    /// Whatever else is wrong, the length counts: content follows.
    fn put(words: &mut Arguments<'_>) -> Result<Self, InvalidRequest> {
        let name = words.word();
        let length = words.number();
        let follows = match &length {
            Ok(length) => Follows::Content(*length),
            Err(_) => Follows::Unknown,
        };
        let read = || {
            let (name, length) = (name?, length?);
            let sha256 = str::from_utf8(&words.word()?)
                .map_err(|_| ParseDigestError)?
                .parse()?;
            words.end()?;
            let name = Name::parse(&name)?;
            if name.is_root() {
                return Err(NameError::Empty.into());
            }
            let content = Content { length, sha256 };
            Ok(Self::Put { name, content })
        };
        read().map_err(|wrong: Wrong| wrong.tell("PUT NAME SIZE SHA256", follows))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => f.write_str("HELP"),
            Self::List(name) => write!(f, "LIST {}", name.word()),
            Self::Stat(name) => write!(f, "STAT {}", name.word()),
            Self::Get { name, offset: 0 } => write!(f, "GET {}", name.word()),
            Self::Get { name, offset } => write!(f, "GET {} {offset}", name.word()),
            Self::Hash { name, length: None } => write!(f, "HASH {}", name.word()),
            Self::Hash {
                name,
                length: Some(length),
            } => write!(f, "HASH {} {length}", name.word()),
            Self::Put { name, content } => write!(f, "PUT {} {content}", name.word()),
            Self::Quit => f.write_str("QUIT"),
        }
    }
}

impl InvalidRequest {
    fn no_command() -> Self {
        Self {
            code: Status::UNKNOWN_COMMAND,
            words: "there is no such command; HELP tells the commands".to_owned(),
            follows: Follows::Request,
        }
    }
}

type Read = fn(&mut Arguments<'_>) -> Result<Request, Wrong>;

/// The words behind that of the command.
struct Arguments<'a>(Words<'a>);

impl<'a> Arguments<'a> {
    fn word(&mut self) -> Result<Cow<'a, [u8]>, Wrong> {
        Ok(self.0.next().ok_or(Wrong::Missing)??)
    }

    fn name(&mut self) -> Result<Name, Wrong> {
        Ok(Name::parse(&self.word()?)?)
    }

    fn number(&mut self) -> Result<u64, Wrong> {
        number(&self.word()?).ok_or(Wrong::Number)
    }

    /// What `read` reads, if there is another word.
    fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Wrong> {
        if self.0.rest().is_empty() {
            return Ok(None);
        }
        read(self).map(Some)
    }

    fn end(&mut self) -> Result<(), Wrong> {
        match self.optional(Self::word)? {
            None => Ok(()),
            Some(_) => Err(Wrong::Many),
        }
    }
}

/// What is wrong with the words of a command.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("a word is missing")]
    Missing,
    #[error("there is a word too many (a name with blanks stands between quotes)")]
    Many,
    #[error("that is no number of bytes (a name with blanks stands between quotes)")]
    Number,
    #[error(transparent)]
    Digest(#[from] ParseDigestError),
    #[error(transparent)]
    Quoted(#[from] QuotingError),
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Wrong {
    fn tell(self, usage: &str, follows: Follows) -> InvalidRequest {
        let (code, words) = match self {
            Self::Name(why) => (Status::BAD_NAME, why.to_string()),
            why => (Status::BAD_ARGUMENTS, format!("{usage}: {why}")),
        };
        InvalidRequest {
            code,
            words,
            follows,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn name(bytes: &str) -> Name {
        Name::parse(bytes.as_bytes()).expect("a name")
    }

    #[track_caller]
    fn check(line: &str, command: &Request) {
        assert_eq!(Request::parse(line.as_bytes()).as_ref(), Ok(command));
    }

    #[track_caller]
    fn check_wrong(line: &str, code: Status, words: &str, follows: Follows) {
        let wrong = Request::parse(line.as_bytes()).expect_err("it is no command");
        assert_eq!((wrong.code, wrong.follows), (code, follows), "{line}");
        assert!(wrong.words.contains(words), "{line}: {}", wrong.words);
    }

    #[test]
    fn commands_are_read() {
        check("HELP", &Request::Help);
        check("  quit  ", &Request::Quit);
        check("list", &Request::List(Name::root()));
        check("LIST \"my pictures\"", &Request::List(name("my pictures")));
        check("Stat /a/b", &Request::Stat(name("a/b")));
        let get = |offset| Request::Get {
            name: name("a"),
            offset,
        };
        check("GET a", &get(0));
        check("GET a 17", &get(17));
        let hash = |length| Request::Hash {
            name: name("a"),
            length,
        };
        check("HASH a", &hash(None));
        check("HASH a 0", &hash(Some(0)));
        let put = Request::Put {
            name: name("a"),
            content: Content {
                length: 5,
                sha256: Digest::of(b""),
            },
        };
        check(&format!("PUT a 5 {SHA256}"), &put);
        check(&format!("put a 05 {}", SHA256.to_uppercase()), &put);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let command = Follows::Request;
        check_wrong("", Status::UNKNOWN_COMMAND, "HELP", command);
        check_wrong("FETCH a", Status::UNKNOWN_COMMAND, "HELP", command);
        check_wrong("\x1b[2J", Status::UNKNOWN_COMMAND, "HELP", command);
        check_wrong(
            "GET",
            Status::BAD_ARGUMENTS,
            "GET NAME [OFFSET]: a word",
            command,
        );
        check_wrong("GET my notes", Status::BAD_ARGUMENTS, "no number", command);
        check_wrong("LIST my notes", Status::BAD_ARGUMENTS, "quotes", command);
        check_wrong("GET a -1", Status::BAD_ARGUMENTS, "no number", command);
        check_wrong(
            "GET \"a",
            Status::BAD_ARGUMENTS,
            "missing at the end",
            command,
        );
        check_wrong("GET ../a", Status::BAD_NAME, "lead up", command);
        check_wrong("QUIT now", Status::BAD_ARGUMENTS, "QUIT: there is", command);
    }

    #[test]
    fn content_follows_what_is_not_put() {
        let five = Follows::Content(5);
        check_wrong("PUT a 5", Status::BAD_ARGUMENTS, "missing", five);
        check_wrong("PUT a 5 abc", Status::BAD_ARGUMENTS, "64", five);
        check_wrong(
            &format!("PUT a 5 {SHA256} b"),
            Status::BAD_ARGUMENTS,
            "many",
            five,
        );
        check_wrong(&format!("PUT .. 5 {SHA256}"), Status::BAD_NAME, "up", five);
        check_wrong(
            &format!("PUT / 5 {SHA256}"),
            Status::BAD_NAME,
            "needs",
            five,
        );
        let unknown = Follows::Unknown;
        check_wrong("PUT", Status::BAD_ARGUMENTS, "missing", unknown);
        check_wrong("PUT a", Status::BAD_ARGUMENTS, "missing", unknown);
        check_wrong("PUT a b 5", Status::BAD_ARGUMENTS, "number", unknown);
        check_wrong("PUT \"a 5", Status::BAD_ARGUMENTS, "quote", unknown);
        let huge = format!("PUT a 18446744073709551616 {SHA256}");
        check_wrong(&huge, Status::BAD_ARGUMENTS, "number", unknown);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(which in 0..7, bytes: Vec<u8>, number: u64, sha256: [u8; 32]) {
            let Ok(name) = Name::parse(&bytes) else { return Ok(()) };
            let command = match which {
                0 => Request::Help,
                1 => Request::List(name),
                2 => Request::Stat(name),
                3 => Request::Get { name, offset: number },
                4 => Request::Hash { name, length: Some(number) },
                5 if !name.is_root() => Request::Put {
                    name,
                    content: Content { length: number, sha256: Digest(sha256) },
                },
                _ => Request::Quit,
            };
            prop_assert_eq!(Request::parse(command.to_string().as_bytes()), Ok(command));
        }

        #[test]
        fn any_line_is_read_or_answered(line: Vec<u8>) {
            if let Err(wrong) = Request::parse(&line) {
                prop_assert!(!wrong.words.is_empty());
                prop_assert!(!wrong.code.is_success());
            }
        }
    }
}
