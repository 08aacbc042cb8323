//! Packets, from bytes and to bytes.

use crate::tftp::options::Options;

/// One datagram of TFTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A file is wanted, or offered.
    Request(Request<'a>),
    /// A block of a file. One that is shorter than all others is the last.
    Data {
        /// Its number, from 1; 65535 is followed by 0.
        block: u16,
        /// What the file has there.
        bytes: &'a [u8],
    },
    /// All blocks up to this one have come.
    Ack(u16),
    /// The transfer is over, or the packet was nobody's.
    Error {
        /// Which of the [codes](ErrorCode) it is, if it is one of them.
        code: u16,
        /// Words for people.
        words: &'a [u8],
    },
    /// These of the options asked for are agreed to.
    OptionAck(Options),
}

/// What opens a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Which way the file is to go.
    pub kind: RequestKind,
    /// The name of the file, without NUL.
    pub name: &'a [u8],
    /// How its bytes are meant.
    pub mode: Mode,
    /// What is asked for beyond the plain protocol.
    pub options: Options,
}

/// Which way a file is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// From the server.
    Read,
    /// To the server.
    Write,
}

/// How the bytes of a file are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As they are.
    Octet,
    /// As text, whose lines end with CR LF on the way.
    Netascii,
}

/// Why a transfer is not begun, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// See the words.
    Undefined = 0,
    /// There is no such file.
    NotFound = 1,
    /// It may not be read or written.
    Access = 2,
    /// There is no room for it.
    Full = 3,
    /// A packet that makes no sense, or not now.
    Illegal = 4,
    /// A packet that belongs to no transfer.
    UnknownTransfer = 5,
    /// A file of this name is there already.
    Exists = 6,
    /// The options are refused.
    Options = 8,
}

/// Bytes that are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Too short to say what it is.
    #[error("that is no packet")]
    Nothing,
    /// An operation that does not exist.
    #[error("there is no such operation")]
    Operation,
    /// It ends in the middle of something.
    #[error("the packet ends too early")]
    Short,
    /// A mode that is not served, such as mail.
    #[error("the mode has to be octet or netascii")]
    Mode,
    /// Options that were agreed to, but not in a way that can be understood.
    #[error("the options make no sense")]
    Options,
}

impl<'a> Packet<'a> {
    /// Reads one datagram.
    ///
    /// What follows a whole acknowledgement is ignored, and so is the rest of a request whose
    /// options are not whole pairs, or begins with an empty name: some boot loaders send requests of
    /// a fixed length. An option that is not answered is not used, so nothing can be misunderstood
    /// there. An error may lack its last NUL, which many forget.
    ///
    /// # Errors
    ///
    /// It is no packet of TFTP.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (operation, rest) = bytes.split_first_chunk().ok_or(Malformed::Nothing)?;
        match u16::from_be_bytes(*operation) {
            GET => Request::parse(RequestKind::Read, rest).map(Self::Request),
            PUT => Request::parse(RequestKind::Write, rest).map(Self::Request),
            DATA => number(rest).map(|(block, bytes)| Self::Data { block, bytes }),
            ACK => number(rest).map(|(block, _)| Self::Ack(block)),
            ERROR => number(rest).map(|(code, words)| Self::Error {
                code,
                words: string(words).map_or(words, |(words, _)| words),
            }),
            AGREEMENT => Options::parse_agreed(rest).map(Self::OptionAck),
            _ => Err(Malformed::Operation),
        }
    }

    /// Writes it behind what `out` has already.
    ///
    /// A name is written up to its first NUL.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut numbers = |operation: u16, number: u16| {
            out.extend_from_slice(&operation.to_be_bytes());
            out.extend_from_slice(&number.to_be_bytes());
        };
        match self {
            Self::Request(request) => request.write(out),
            Self::Data { block, bytes } => {
                numbers(DATA, *block);
                out.extend_from_slice(bytes);
            }
            Self::Ack(block) => numbers(ACK, *block),
            Self::Error { code, words } => {
                numbers(ERROR, *code);
                push(out, words);
            }
            Self::OptionAck(options) => {
                out.extend_from_slice(&AGREEMENT.to_be_bytes());
                options.write(out);
            }
        }
    }

    /// As a datagram of its own.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// An error with these words, as a datagram of its own.
    #[must_use]
    pub fn error(code: ErrorCode, words: &'a str) -> Vec<u8> {
        let (code, words) = (code as u16, words.as_bytes());
        Self::Error { code, words }.to_bytes()
    }
}

impl<'a> Request<'a> {
    fn parse(kind: RequestKind, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (name, rest) = string(bytes).ok_or(Malformed::Short)?;
        let (mode, rest) = string(rest).ok_or(Malformed::Short)?;
        let mode = [Mode::Octet, Mode::Netascii]
            .into_iter()
            .find(|known| mode.eq_ignore_ascii_case(known.word().as_bytes()));
        Ok(Self {
            kind,
            name,
            mode: mode.ok_or(Malformed::Mode)?,
            options: Options::parse_asked(rest),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let operation = match self.kind {
            RequestKind::Read => GET,
            RequestKind::Write => PUT,
        };
        out.extend_from_slice(&operation.to_be_bytes());
        push(out, self.name);
        push(out, self.mode.word().as_bytes());
        self.options.write(out);
    }
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Octet => "octet",
            Self::Netascii => "netascii",
        }
    }
}

/// The number after the operation, and what follows.
fn number(bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Malformed::Short)?;
    Ok((u16::from_be_bytes(*number), rest))
}

/// What comes before the first NUL, and what follows; `None` without a NUL.
pub(super) fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Writes what comes before the first NUL, and a NUL.
pub(super) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(string(bytes).map_or(bytes, |(before, _)| before));
    out.push(0);
}

const GET: u16 = 1;
const PUT: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const AGREEMENT: u16 = 6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<Packet<'_>, Malformed>) {
        assert_eq!(Packet::parse(bytes), expected, "{}", bytes.escape_ascii());
        if let Ok(packet) = expected {
            assert_eq!(Packet::parse(&packet.to_bytes()), Ok(packet));
        }
    }

    fn get(options: Options) -> Packet<'static> {
        Packet::Request(Request {
            kind: RequestKind::Read,
            name: b"a b",
            mode: Mode::Octet,
            options,
        })
    }

    #[test]
    fn packets_are_as_the_standards_have_them() {
        let none = Options::default();
        let all = Options {
            blksize: Some(1428),
            timeout: Some(2),
            tsize: Some(0),
            windowsize: Some(16),
        };
        let asked = b"\0\x01a b\0OCTET\0BlkSize\x001428\0nonsense\0x\0timeout\x002\0tsize\x000\0\
            windowsize\x0016\0";
        check(asked, Ok(get(all)));
        check(b"\0\x01a b\0octet\0", Ok(get(none)));
        let bytes: &[u8] = b"\0x";
        check(
            b"\0\x03\xff\xff\0x",
            Ok(Packet::Data {
                block: 65_535,
                bytes,
            }),
        );
        check(
            b"\0\x03\0\x01",
            Ok(Packet::Data {
                block: 1,
                bytes: b"",
            }),
        );
        check(b"\0\x04\0\x07", Ok(Packet::Ack(7)));
        let error = Packet::Error {
            code: 1,
            words: b"no",
        };
        check(b"\0\x05\0\x01no\0", Ok(error));
        check(
            b"\0\x06tsize\x007\0",
            Ok(Packet::OptionAck(Options {
                tsize: Some(7),
                ..none
            })),
        );
        check(b"\0\x06", Ok(Packet::OptionAck(none)));
        assert_eq!(
            get(all).to_bytes(),
            b"\0\x01a b\0octet\0blksize\x001428\0timeout\x002\0tsize\x000\0windowsize\x0016\0"
        );
    }

    #[test]
    fn what_some_clients_send_is_understood() {
        let none = Options::default();
        for tail in [
            &b"\0\0\0\0"[..],
            b"garbage",
            b"blksize\0",
            b"blksize\x0012",
            b"\0x\0y\0",
        ] {
            check(&[b"\0\x01a b\0octet\0", tail].concat(), Ok(get(none)));
        }
        check(b"\0\x04\0\x07padding", Ok(Packet::Ack(7)));
        check(
            b"\0\x05\0\x01no",
            Ok(Packet::Error {
                code: 1,
                words: b"no",
            }),
        );
        check(
            b"\0\x05\0\x01",
            Ok(Packet::Error {
                code: 1,
                words: b"",
            }),
        );
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for bytes in [&b""[..], b"\0"] {
            check(bytes, Err(Malformed::Nothing));
        }
        for bytes in [&b"\0\0"[..], b"\0\x07", b"\x01\0a\0octet\0", b"hello"] {
            check(bytes, Err(Malformed::Operation));
        }
        for bytes in [
            &b"\0\x01"[..],
            b"\0\x01a",
            b"\0\x02a\0octet",
            b"\0\x03\0",
            b"\0\x04",
            b"\0\x05\x01",
        ] {
            check(bytes, Err(Malformed::Short));
        }
        for bytes in [
            &b"\0\x01a\0mail\0"[..],
            b"\0\x01a\0\0",
            b"\0\x02a\0octets\0",
        ] {
            check(bytes, Err(Malformed::Mode));
        }
        for bytes in [
            &b"\0\x06blksize"[..],
            b"\0\x06blksize\x001428",
            b"\0\x06\0\0",
            b"\0\x06blksize\x007\0",
        ] {
            check(bytes, Err(Malformed::Options));
        }
    }

    fn options() -> impl Strategy<Value = Options> {
        let blksize = proptest::option::of(8..=65_464_u16);
        let timeout = proptest::option::of(1..=u8::MAX);
        let windowsize = proptest::option::of(1..=u16::MAX);
        (blksize, timeout, any::<Option<u64>>(), windowsize).prop_map(
            |(blksize, timeout, tsize, windowsize)| Options {
                blksize,
                timeout,
                tsize,
                windowsize,
            },
        )
    }

    proptest! {
        #[test]
        fn every_packet_is_read_as_it_was_written(
            name in proptest::collection::vec(1_u8.., 0..40), number: u16, bytes: Vec<u8>,
            options in options(), choice in 0..6, octet: bool,
        ) {
            let mode = if octet { Mode::Octet } else { Mode::Netascii };
            let request = |kind| Packet::Request(Request { kind, name: &name, mode, options });
            let packet = match choice {
                0 => request(RequestKind::Read),
                1 => request(RequestKind::Write),
                2 => Packet::Data { block: number, bytes: &bytes },
                3 => Packet::Ack(number),
                4 => Packet::Error { code: number, words: &name },
                _ => Packet::OptionAck(options),
            };
            let bytes = packet.to_bytes();
            prop_assert_eq!(Packet::parse(&bytes), Ok(packet));
        }

        #[test]
        fn no_bytes_are_too_strange(operation in 0..8_u8, mut bytes: Vec<u8>) {
            bytes.splice(0..0, [0, operation]);
            if let Ok(packet) = Packet::parse(&bytes) {
                let written = packet.to_bytes();
                prop_assert_eq!(Packet::parse(&written), Ok(packet));
            }
        }
    }
}
