//! Packets, and their encoding.

use crate::tftp::error::{ErrorCode, Malformed};
use crate::tftp::field::{push, split};
use crate::tftp::options::Options;

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// RRQ or WRQ: opens a transfer.
    Request(Request<'a>),
    /// DATA: a block of a file. A block that is shorter than negotiated is the last one.
    Data {
        /// The number of the block, from 1; 65535 is followed by 0.
        block: u16,
        /// The block.
        bytes: &'a [u8],
    },
    /// ACK: all blocks up to this one arrived.
    Ack(u16),
    /// ERROR: ends the transfer.
    Error {
        /// See [`ErrorCode`]; may be another one.
        code: u16,
        /// For people.
        message: &'a [u8],
    },
    /// OACK: the requested options that are accepted.
    OptionAck(Options),
}

/// What opens a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The direction.
    pub kind: RequestKind,
    /// The name of the file, without NUL.
    pub name: &'a [u8],
    /// How the file is encoded.
    pub mode: Mode,
    /// The requested options.
    pub options: Options,
}

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// RRQ: the server sends the file.
    Read,
    /// WRQ: the client sends the file.
    Write,
}

/// How a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Bytes as they are.
    Octet,
    /// Text whose lines end with CR LF.
    Netascii,
}

impl<'a> Packet<'a> {
    /// Parses one datagram.
    ///
    /// Some boot loaders send requests of a fixed length. So bytes behind an acknowledgement are
    /// ignored, as is the rest of a request from the first incomplete option or empty name on. An
    /// option that is not acknowledged is not used, so that is safe. The NUL at the end of a packet may
    /// be missing, as many implementations forget it. An error packet without a code still ends the
    /// transfer.
    ///
    /// # Errors
    ///
    /// It is no packet of TFTP.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (operation, rest) = bytes.split_first_chunk().ok_or(Malformed::Nothing)?;
        match u16::from_be_bytes(*operation) {
            RRQ => Request::parse(RequestKind::Read, rest).map(Self::Request),
            WRQ => Request::parse(RequestKind::Write, rest).map(Self::Request),
            DATA => number(rest).map(|(block, bytes)| Self::Data { block, bytes }),
            ACK => number(rest).map(|(block, _)| Self::Ack(block)),
            ERROR => {
                let (code, rest) = number(rest).unwrap_or((0, &[]));
                let message = split(rest).map_or(rest, |(message, _)| message);
                Ok(Self::Error { code, message })
            }
            OACK => Options::parse_acked(rest).map(Self::OptionAck),
            _ => Err(Malformed::Operation),
        }
    }

    /// Appends the packet to `out`. A name or message is cut at its first NUL.
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
            Self::Error { code, message } => {
                numbers(ERROR, *code);
                push(out, message);
            }
            Self::OptionAck(options) => {
                out.extend_from_slice(&OACK.to_be_bytes());
                options.write(out);
            }
        }
    }

    /// The encoded packet.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// An encoded error packet.
    #[must_use]
    pub fn error(code: ErrorCode, message: &'a str) -> Vec<u8> {
        let (code, message) = (code as u16, message.as_bytes());
        Self::Error { code, message }.to_bytes()
    }
}

impl<'a> Request<'a> {
    fn parse(kind: RequestKind, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (name, rest) = split(bytes).ok_or(Malformed::Short)?;
        let (mode, rest) = split(rest).unwrap_or((rest, &[]));
        let mode = [Mode::Octet, Mode::Netascii]
            .into_iter()
            .find(|known| mode.eq_ignore_ascii_case(known.name().as_bytes()));
        Ok(Self {
            kind,
            name,
            mode: mode.ok_or(Malformed::Mode)?,
            options: Options::parse_requested(rest),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let operation = match self.kind {
            RequestKind::Read => RRQ,
            RequestKind::Write => WRQ,
        };
        out.extend_from_slice(&operation.to_be_bytes());
        push(out, self.name);
        push(out, self.mode.name().as_bytes());
        self.options.write(out);
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Octet => "octet",
            Self::Netascii => "netascii",
        }
    }
}

/// The number behind the operation code, and the rest.
fn number(bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Malformed::Short)?;
    Ok((u16::from_be_bytes(*number), rest))
}

const RRQ: u16 = 1;
const WRQ: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OACK: u16 = 6;

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

    fn read(options: Options) -> Packet<'static> {
        Packet::Request(Request {
            kind: RequestKind::Read,
            name: b"a b",
            mode: Mode::Octet,
            options,
        })
    }

    #[test]
    fn packets_are_encoded_as_in_the_rfcs() {
        let none = Options::default();
        let all = Options {
            blksize: Some(1428),
            timeout: Some(2),
            tsize: Some(0),
            windowsize: Some(16),
        };
        let requested =
            b"\0\x01a b\0OCTET\0BlkSize\x001428\0nonsense\0x\0timeout\x002\0tsize\x000\0\
            windowsize\x0016\0";
        check(requested, Ok(read(all)));
        check(b"\0\x01a b\0octet\0", Ok(read(none)));
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
            message: b"no",
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
            read(all).to_bytes(),
            b"\0\x01a b\0octet\0blksize\x001428\0timeout\x002\0tsize\x000\0windowsize\x0016\0"
        );
    }

    #[test]
    fn lenient_parsing_accepts_what_clients_send() {
        let none = Options::default();
        for tail in [
            &b"\0\0\0\0"[..],
            b"garbage",
            b"blksize\0",
            b"blksize\x0012",
            b"\0x\0y\0",
        ] {
            check(&[b"\0\x01a b\0octet\0", tail].concat(), Ok(read(none)));
        }
        check(b"\0\x04\0\x07padding", Ok(Packet::Ack(7)));
        check(
            b"\0\x05\0\x01no",
            Ok(Packet::Error {
                code: 1,
                message: b"no",
            }),
        );
        check(
            b"\0\x05\0\x01",
            Ok(Packet::Error {
                code: 1,
                message: b"",
            }),
        );
        for cut in [&b"\0\x05"[..], b"\0\x05\x01"] {
            let (code, message) = (0, &b""[..]);
            check(cut, Ok(Packet::Error { code, message }));
        }
        check(b"\0\x01a b\0octet", Ok(read(none)));
        let acked = Options {
            blksize: Some(1428),
            tsize: Some(7),
            ..none
        };
        for bytes in [
            &b"blksize\x001428\0tsize\x007\0\0\0\0"[..],
            b"blksize\x001428\0tsize\x007",
            b"blksize\0 1428\0\0\0tsize\x007 \0",
            b"utimeout\x0050000\0blksize\x001428\0TSIZE\x007\0nonsense",
            b"blksize\x001428\0blksize\x001428\0tsize\x007\0",
        ] {
            let packet = [b"\0\x06", bytes].concat();
            check(&packet, Ok(Packet::OptionAck(acked)));
        }
        check(b"\0\x06\0\0", Ok(Packet::OptionAck(none)));
    }

    #[test]
    fn malformed_packets_are_refused() {
        for bytes in [&b""[..], b"\0"] {
            check(bytes, Err(Malformed::Nothing));
        }
        for bytes in [&b"\0\0"[..], b"\0\x07", b"\x01\0a\0octet\0", b"hello"] {
            check(bytes, Err(Malformed::Operation));
        }
        for bytes in [&b"\0\x01"[..], b"\0\x01a", b"\0\x03\0", b"\0\x04"] {
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
            b"\0\x06blksize\0\0\0",
            b"\0\x06blksize\x007\0",
            b"\0\x06blksize\x001428x\0",
            b"\0\x06blksize\x001428\0blksize\x00512\0",
            b"\0\x06windowsize\x000\0",
            b"\0\x06timeout\x00256\0",
            b"\0\x06tsize\0-1\0",
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
        fn an_encoded_packet_parses(
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
                4 => Packet::Error { code: number, message: &name },
                _ => Packet::OptionAck(options),
            };
            let bytes = packet.to_bytes();
            prop_assert_eq!(Packet::parse(&bytes), Ok(packet));
        }

        #[test]
        fn no_acknowledgement_exceeds_the_request(
            requested in options(),
            fields in proptest::collection::vec(("blksize|timeout|tsize|windowsize|x|", "[0-9]{0,6}|[ a-z]{0,3}"), 0..6),
            cut in 0..3_usize,
        ) {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
            let mut bytes = [b"\0\x06", fields.concat().as_bytes()].concat();
            bytes.truncate(bytes.len() - cut);
            if let Ok(Packet::OptionAck(acked)) = Packet::parse(&bytes)
                && let Ok(negotiated) = requested.accept(&acked)
            {
                prop_assert!(negotiated.block_bytes <= requested.blksize.unwrap_or(0).max(512));
                prop_assert!(8 <= negotiated.block_bytes);
                prop_assert!(negotiated.window <= requested.windowsize.unwrap_or(1).max(1));
                prop_assert!(1 <= negotiated.window);
                prop_assert!(negotiated.timeout.is_none() || acked.timeout == requested.timeout);
            }
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(operation in 0..8_u8, mut bytes: Vec<u8>) {
            bytes.splice(0..0, [0, operation]);
            if let Ok(packet) = Packet::parse(&bytes) {
                let written = packet.to_bytes();
                prop_assert_eq!(Packet::parse(&written), Ok(packet));
            }
        }
    }
}
