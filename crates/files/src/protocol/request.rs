//! What a peer requests, in one line.

use std::borrow::Cow;
use std::fmt;

use switchboard_core::without_zero_width;

use crate::digest::{Content, ParseDigestError};
use crate::name::{Name, NameError};
use crate::protocol::quoting::{Quoted, QuotingError, Words, number};
use crate::protocol::status::Status;

/// A request: a command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// List the commands.
    Help,
    /// List a folder.
    List(Name),
    /// Describe one file or folder.
    Stat(Name),
    /// Describe what a client restores of a file beside its content.
    Attributes(Name),
    /// Send a file, from `offset` to its end.
    Get {
        /// The file.
        name: Name,
        /// In bytes.
        offset: u64,
    },
    /// Compute the digest of a file, or of its beginning.
    Hash {
        /// The file.
        name: Name,
        /// In bytes; `None` for all.
        length: Option<u64>,
    },
    /// Store a file. Its content follows the line.
    Put {
        /// Not the folder itself.
        name: Name,
        /// Length and digest of what follows.
        content: Content,
    },
    /// Close the connection.
    Quit,
}

/// A line that is no valid request, and how to respond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// The status to respond with.
    pub status: Status,
    /// The reason, for people.
    pub message: String,
    /// What the peer sends next.
    pub follows: Follows,
}

/// What follows an invalid request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The next request.
    Request,
    /// The content of a file, this many bytes.
    Content(u64),
    /// Content of unknown length.
    Unknown,
}

impl Request {
    /// The lines that answer `HELP`.
    pub const HELP: [&str; 10] = [
        "LIST [NAME]            list a folder",
        "STAT NAME              describe one file or folder",
        "ATTR NAME              the time of a file's last change, and whether it is executable",
        "GET NAME [OFFSET]      send the bytes of a file, from OFFSET on",
        "HASH NAME [LENGTH]     compute the SHA-256 of a file, or of its first LENGTH bytes",
        "PUT NAME SIZE SHA256   store a file; its SIZE bytes follow at once",
        "QUIT                   close the connection",
        "Files are sent unchanged; SIZE, OFFSET and LENGTH count bytes.",
        "Put a NAME with spaces between quotes: \"my notes.txt\"",
        "Responses begin with a number: 2.. done, 4.. try again later, 5.. not done.",
    ];

    /// Parses a line, without its end. Characters without a width count as nothing; in names they are
    /// written as escapes, as all invisible ones.
    ///
    /// # Errors
    ///
    /// The command is unknown, or its arguments do not fit.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidRequest> {
        let line = without_zero_width(line);
        let mut arguments = Arguments(Words::new(&line));
        let command = arguments.word().unwrap_or_default().to_ascii_uppercase();
        let mut follows = Follows::Request;
        let (usage, request) = match &*command {
            b"HELP" => ("HELP", Ok(Self::Help)),
            b"LIST" => {
                let name = arguments.optional(Arguments::name);
                (
                    "LIST [NAME]",
                    name.map(|name| Self::List(name.unwrap_or_default())),
                )
            }
            b"STAT" => ("STAT NAME", arguments.name().map(Self::Stat)),
            b"ATTR" => ("ATTR NAME", arguments.name().map(Self::Attributes)),
            b"GET" => ("GET NAME [OFFSET]", arguments.get()),
            b"HASH" => ("HASH NAME [LENGTH]", arguments.hash()),
            b"PUT" => ("PUT NAME SIZE SHA256", arguments.put(&mut follows)),
            b"QUIT" => ("QUIT", Ok(Self::Quit)),
            _ => {
                return Err(InvalidRequest {
                    status: Status::UNKNOWN_COMMAND,
                    message: "unknown command; HELP lists the commands".to_owned(),
                    follows,
                });
            }
        };
        let request = request.and_then(|request| arguments.end().map(|()| request));
        request.map_err(|error| {
            let (status, message) = match error {
                ArgumentError::Name(error) => (Status::BAD_NAME, error.to_string()),
                error => (Status::BAD_ARGUMENTS, format!("{usage}: {error}")),
            };
            InvalidRequest {
                status,
                message,
                follows,
            }
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (command, name) = match self {
            Self::Help => return f.write_str("HELP"),
            Self::Quit => return f.write_str("QUIT"),
            Self::List(name) => ("LIST", name),
            Self::Stat(name) => ("STAT", name),
            Self::Attributes(name) => ("ATTR", name),
            Self::Get { name, .. } => ("GET", name),
            Self::Hash { name, .. } => ("HASH", name),
            Self::Put { name, .. } => ("PUT", name),
        };
        write!(f, "{command} {}", Quoted::from(name))?;
        match self {
            Self::Get { offset: 0, .. } => Ok(()),
            Self::Get { offset, .. } => write!(f, " {offset}"),
            Self::Hash {
                length: Some(length),
                ..
            } => write!(f, " {length}"),
            Self::Put { content, .. } => write!(f, " {content}"),
            _ => Ok(()),
        }
    }
}

/// The words behind the command.
struct Arguments<'a>(Words<'a>);

impl<'a> Arguments<'a> {
    fn word(&mut self) -> Result<Cow<'a, [u8]>, ArgumentError> {
        Ok(self.0.next().ok_or(ArgumentError::Missing)??)
    }

    fn name(&mut self) -> Result<Name, ArgumentError> {
        Ok(Name::parse(&self.word()?)?)
    }

    fn number(&mut self) -> Result<u64, ArgumentError> {
        number(&self.word()?).ok_or(ArgumentError::Number)
    }

    /// Parses another argument, if there is one.
    fn optional<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ArgumentError>,
    ) -> Result<Option<T>, ArgumentError> {
        if self.0.rest().is_empty() {
            return Ok(None);
        }
        parse(self).map(Some)
    }

    fn get(&mut self) -> Result<Request, ArgumentError> {
        let name = self.name()?;
        let offset = self.optional(Self::number)?.unwrap_or(0);
        Ok(Request::Get { name, offset })
    }

    fn hash(&mut self) -> Result<Request, ArgumentError> {
        let name = self.name()?;
        let length = self.optional(Self::number)?;
        Ok(Request::Hash { name, length })
    }

    /// Even if another argument is wrong, the length says how much content follows.
    fn put(&mut self, follows: &mut Follows) -> Result<Request, ArgumentError> {
        let (name, length) = (self.word(), self.number());
        *follows = match &length {
            Ok(length) => Follows::Content(*length),
            Err(_) => Follows::Unknown,
        };
        let (name, length) = (name?, length?);
        let sha256 = str::from_utf8(&self.word()?)
            .map_err(|_| ParseDigestError)?
            .parse()?;
        self.end()?;
        let name = Name::parse(&name)?;
        if name.is_root() {
            return Err(NameError::Empty.into());
        }
        let content = Content { length, sha256 };
        Ok(Request::Put { name, content })
    }

    fn end(&mut self) -> Result<(), ArgumentError> {
        match self.optional(Self::word)? {
            None => Ok(()),
            Some(_) => Err(ArgumentError::TooMany),
        }
    }
}

/// What is wrong with the arguments of a command.
#[derive(Debug, thiserror::Error)]
enum ArgumentError {
    #[error("an argument is missing")]
    Missing,
    #[error("too many arguments (put a name with spaces between quotes)")]
    TooMany,
    #[error("not a number of bytes (put a name with spaces between quotes)")]
    Number,
    #[error(transparent)]
    Digest(#[from] ParseDigestError),
    #[error(transparent)]
    Quoting(#[from] QuotingError),
    #[error(transparent)]
    Name(#[from] NameError),
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
    fn check(line: &str, request: &Request) {
        assert_eq!(Request::parse(line.as_bytes()).as_ref(), Ok(request));
    }

    #[track_caller]
    fn check_wrong(line: &str, status: Status, message: &str, follows: Follows) {
        let wrong = Request::parse(line.as_bytes()).expect_err("the line is no request");
        assert_eq!((wrong.status, wrong.follows), (status, follows), "{line}");
        assert!(wrong.message.contains(message), "{line}: {}", wrong.message);
    }

    #[test]
    fn requests_are_parsed() {
        check("HELP", &Request::Help);
        check("  quit  ", &Request::Quit);
        check("list", &Request::List(Name::root()));
        check("\u{200b}LI\u{ad}ST\u{feff}", &Request::List(Name::root()));
        check("STAT \u{2060}a", &Request::Stat(name("a")));
        check(r#"STAT "a\xe2\x80\x8b""#, &Request::Stat(name("a\u{200b}")));
        check("LIST \"my pictures\"", &Request::List(name("my pictures")));
        check("Stat /a/b", &Request::Stat(name("a/b")));
        check("ATTR a", &Request::Attributes(name("a")));
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
    fn invalid_requests_have_a_reason() {
        let request = Follows::Request;
        check_wrong("", Status::UNKNOWN_COMMAND, "HELP", request);
        check_wrong("FETCH a", Status::UNKNOWN_COMMAND, "HELP", request);
        check_wrong("\x1b[2J", Status::UNKNOWN_COMMAND, "HELP", request);
        check_wrong(
            "GET",
            Status::BAD_ARGUMENTS,
            "GET NAME [OFFSET]: an argument",
            request,
        );
        check_wrong(
            "GET my notes",
            Status::BAD_ARGUMENTS,
            "not a number",
            request,
        );
        check_wrong("LIST my notes", Status::BAD_ARGUMENTS, "quotes", request);
        check_wrong("GET a -1", Status::BAD_ARGUMENTS, "not a number", request);
        check_wrong(
            "GET \"a",
            Status::BAD_ARGUMENTS,
            "closing quote is missing",
            request,
        );
        check_wrong("GET ../a", Status::BAD_NAME, "lead up", request);
        check_wrong("QUIT now", Status::BAD_ARGUMENTS, "QUIT: too many", request);
    }

    #[test]
    fn content_follows_an_invalid_put() {
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
            "missing",
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
        fn a_displayed_request_parses(which in 0..7, bytes: Vec<u8>, number: u64, sha256: [u8; 32]) {
            let Ok(name) = Name::parse(&bytes) else { return Ok(()) };
            let request = match which {
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
            prop_assert_eq!(Request::parse(request.to_string().as_bytes()), Ok(request));
        }

        #[test]
        fn any_line_is_parsed_or_answered(line: Vec<u8>) {
            if let Err(wrong) = Request::parse(&line) {
                prop_assert!(!wrong.message.is_empty());
                prop_assert!(!wrong.status.is_success());
            }
        }
    }
}
