//! What a peer asks for.

use std::borrow::Cow;
use std::fmt;

use crate::digest::{Content, NoDigest};
use crate::name::{BadName, Name};
use crate::protocol::quoting::number;
use crate::protocol::quoting::{BadWord, Words};
use crate::protocol::status::Code;

/// A command, as one line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
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
pub struct Misunderstood {
    /// What became of it.
    pub code: Code,
    /// Why, in words.
    pub words: String,
    /// What comes behind the line.
    pub follows: Follows,
}

/// What comes behind a line that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The next command.
    Command,
    /// So many bytes of a file that is not taken.
    Bytes(u64),
    /// Nobody knows.
    Unknown,
}

impl Command {
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
    pub fn parse(line: &[u8]) -> Result<Self, Misunderstood> {
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
            _ => return Err(Misunderstood::no_command()),
        };
        read(&mut words)
            .and_then(|command| words.end().map(|()| command))
            .map_err(|wrong| wrong.tell(usage, Follows::Command))
    }

    /// Whatever else is wrong, the length counts: content follows.
    fn put(words: &mut Arguments<'_>) -> Result<Self, Misunderstood> {
        let name = words.word();
        let length = words.number();
        let follows = match &length {
            Ok(length) => Follows::Bytes(*length),
            Err(_) => Follows::Unknown,
        };
        let read = || {
            let (name, length) = (name?, length?);
            let sha256 = str::from_utf8(&words.word()?)
                .map_err(|_| NoDigest)?
                .parse()?;
            words.end()?;
            let name = Name::parse(&name)?;
            if name.is_root() {
                return Err(BadName::Empty.into());
            }
            let content = Content { length, sha256 };
            Ok(Self::Put { name, content })
        };
        read().map_err(|wrong: Wrong| wrong.tell("PUT NAME SIZE SHA256", follows))
    }
}

impl fmt::Display for Command {
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

impl Misunderstood {
    fn no_command() -> Self {
        Self {
            code: Code::NO_COMMAND,
            words: "there is no such command; HELP tells the commands".to_owned(),
            follows: Follows::Command,
        }
    }
}

type Read = fn(&mut Arguments<'_>) -> Result<Command, Wrong>;

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
    Digest(#[from] NoDigest),
    #[error(transparent)]
    Word(#[from] BadWord),
    #[error(transparent)]
    Name(#[from] BadName),
}

impl Wrong {
    fn tell(self, usage: &str, follows: Follows) -> Misunderstood {
        let (code, words) = match self {
            Self::Name(why) => (Code::NO_NAME, why.to_string()),
            why => (Code::NO_WORDS, format!("{usage}: {why}")),
        };
        Misunderstood {
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
    fn check(line: &str, command: &Command) {
        assert_eq!(Command::parse(line.as_bytes()).as_ref(), Ok(command));
    }

    #[track_caller]
    fn check_wrong(line: &str, code: Code, words: &str, follows: Follows) {
        let wrong = Command::parse(line.as_bytes()).expect_err("it is no command");
        assert_eq!((wrong.code, wrong.follows), (code, follows), "{line}");
        assert!(wrong.words.contains(words), "{line}: {}", wrong.words);
    }

    #[test]
    fn commands_are_read() {
        check("HELP", &Command::Help);
        check("  quit  ", &Command::Quit);
        check("list", &Command::List(Name::root()));
        check("LIST \"my pictures\"", &Command::List(name("my pictures")));
        check("Stat /a/b", &Command::Stat(name("a/b")));
        let get = |offset| Command::Get {
            name: name("a"),
            offset,
        };
        check("GET a", &get(0));
        check("GET a 17", &get(17));
        let hash = |length| Command::Hash {
            name: name("a"),
            length,
        };
        check("HASH a", &hash(None));
        check("HASH a 0", &hash(Some(0)));
        let put = Command::Put {
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
        let command = Follows::Command;
        check_wrong("", Code::NO_COMMAND, "HELP", command);
        check_wrong("FETCH a", Code::NO_COMMAND, "HELP", command);
        check_wrong("\x1b[2J", Code::NO_COMMAND, "HELP", command);
        check_wrong("GET", Code::NO_WORDS, "GET NAME [OFFSET]: a word", command);
        check_wrong("GET my notes", Code::NO_WORDS, "no number", command);
        check_wrong("LIST my notes", Code::NO_WORDS, "quotes", command);
        check_wrong("GET a -1", Code::NO_WORDS, "no number", command);
        check_wrong("GET \"a", Code::NO_WORDS, "missing at the end", command);
        check_wrong("GET ../a", Code::NO_NAME, "lead up", command);
        check_wrong("QUIT now", Code::NO_WORDS, "QUIT: there is", command);
    }

    #[test]
    fn content_follows_what_is_not_put() {
        let five = Follows::Bytes(5);
        check_wrong("PUT a 5", Code::NO_WORDS, "missing", five);
        check_wrong("PUT a 5 abc", Code::NO_WORDS, "64", five);
        check_wrong(&format!("PUT a 5 {SHA256} b"), Code::NO_WORDS, "many", five);
        check_wrong(&format!("PUT .. 5 {SHA256}"), Code::NO_NAME, "up", five);
        check_wrong(&format!("PUT / 5 {SHA256}"), Code::NO_NAME, "needs", five);
        let unknown = Follows::Unknown;
        check_wrong("PUT", Code::NO_WORDS, "missing", unknown);
        check_wrong("PUT a", Code::NO_WORDS, "missing", unknown);
        check_wrong("PUT a b 5", Code::NO_WORDS, "number", unknown);
        check_wrong("PUT \"a 5", Code::NO_WORDS, "quote", unknown);
        let huge = format!("PUT a 18446744073709551616 {SHA256}");
        check_wrong(&huge, Code::NO_WORDS, "number", unknown);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(which in 0..7, bytes: Vec<u8>, number: u64, sha256: [u8; 32]) {
            let Ok(name) = Name::parse(&bytes) else { return Ok(()) };
            let command = match which {
                0 => Command::Help,
                1 => Command::List(name),
                2 => Command::Stat(name),
                3 => Command::Get { name, offset: number },
                4 => Command::Hash { name, length: Some(number) },
                5 if !name.is_root() => Command::Put {
                    name,
                    content: Content { length: number, sha256: Digest(sha256) },
                },
                _ => Command::Quit,
            };
            prop_assert_eq!(Command::parse(command.to_string().as_bytes()), Ok(command));
        }

        #[test]
        fn any_line_is_read_or_answered(line: Vec<u8>) {
            if let Err(wrong) = Command::parse(&line) {
                prop_assert!(!wrong.words.is_empty());
                prop_assert!(!wrong.code.is_done());
            }
        }
    }
}
