//! How a byte stream is cut into messages.

use std::num::NonZeroUsize;

use crate::reactor::source::READ_BYTES;

/// How messages are delimited on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Not at all: bytes are delivered as they arrive, in chunks of any size, and sent unchanged.
    Bytes,
    /// As `Bytes`, with a maximum size of one read. Longer datagrams are truncated to it.
    Chunks(NonZeroUsize),
    /// A message is a line that ends with LF, CR LF, CR, or CR NUL as in telnet (RFC 854); the end of
    /// input ends the last one. Telnet negotiation is removed. A line end is added to each message
    /// sent: CR LF for a peer that uses CR, else LF.
    Line,
}

impl Framing {
    /// The maximum size of one read.
    pub(crate) fn read_bytes(self) -> usize {
        match self {
            Self::Bytes | Self::Line => READ_BYTES,
            Self::Chunks(bytes) => bytes.get().min(READ_BYTES),
        }
    }
}

/// Cuts received bytes into messages.
#[derive(Debug)]
pub(crate) struct Framer {
    pub(super) framing: Framing,
    line: Vec<u8>, // incomplete, never longer than `limit`
    raw: u64,      // bytes before the next line; all that may come, where messages are not lines
    state: State,
    negotiation: usize, // bytes of the telnet subnegotiation so far
    delivered: bool,    // `line` was returned and must be cleared
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    Return,         // CR ended the line; an LF or NUL now belongs to it
    Command,        // after IAC
    Option,         // after IAC WILL, WONT, DO or DONT
    Subnegotiation, // after IAC SB, until IAC SE
    SubnegotiationCommand,
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'m> {
    pub(crate) bytes: &'m [u8],
    /// The line end that the peer uses, and to answer with from now on, if this is a line.
    pub(crate) line_end: Option<&'static str>,
}

/// A line is longer than a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Framer {
    pub(crate) fn new(framing: Framing, message_bytes: usize) -> Self {
        Self {
            framing,
            line: Vec::new(),
            raw: match framing {
                Framing::Bytes | Framing::Chunks(_) => u64::MAX,
                Framing::Line => 0,
            },
            state: State::Text,
            negotiation: 0,
            delivered: false,
            limit: message_bytes,
        }
    }

    /// Makes the next `count` bytes raw, where messages are lines.
    pub(crate) fn expect_raw(&mut self, count: u64) {
        if self.framing == Framing::Line {
            self.raw = count;
        }
    }

    /// A datagram as one message: one line end at its end is removed, those within it are not.
    pub(crate) fn whole<'m>(&self, datagram: &'m [u8]) -> Result<Message<'m>, TooLong> {
        if self.framing != Framing::Line {
            let (bytes, line_end) = (datagram, None);
            return Ok(Message { bytes, line_end });
        }
        let without_lf = datagram.strip_suffix(b"\n").unwrap_or(datagram);
        let bytes = without_lf.strip_suffix(b"\r").unwrap_or(without_lf);
        if self.limit < bytes.len() {
            return Err(TooLong);
        }
        let has_cr = bytes.len() < without_lf.len();
        let line_end = Some(if has_cr { "\r\n" } else { "\n" });
        Ok(Message { bytes, line_end })
    }

    /// Takes the next complete message from the start of `raw`. Returns `None` if more bytes are
    /// needed; the bytes of an incomplete line are kept here.
    pub(crate) fn cut<'m, 'r: 'm>(
        &'m mut self,
        raw: &mut &'r [u8],
    ) -> Option<Result<Message<'m>, TooLong>> {
        if std::mem::take(&mut self.delivered) {
            self.line.clear();
        }
        if 0 < self.raw {
            return self.cut_raw(raw).map(Ok);
        }
        while let Some((&byte, rest)) = raw.split_first() {
            if self.state != State::Text {
                if self.step(byte) {
                    *raw = rest;
                }
                if self.limit < self.negotiation.max(self.line.len()) {
                    return Some(Err(TooLong));
                }
                continue;
            }
            let plain = memchr::memchr3(b'\n', b'\r', IAC, raw).unwrap_or(raw.len());
            if self.limit < self.line.len() + plain {
                return Some(Err(TooLong));
            }
            let (text, rest) = raw.split_at(plain);
            let Some((&special, rest)) = rest.split_first() else {
                self.line.extend_from_slice(text);
                *raw = rest;
                break;
            };
            *raw = rest;
            self.state = match special {
                b'\n' => State::Text,
                b'\r' => State::Return,
                _ => State::Command,
            };
            if special != IAC {
                let line_end = if special == b'\r' { "\r\n" } else { "\n" };
                return Some(Ok(Message {
                    bytes: self.complete(text),
                    line_end: Some(line_end),
                }));
            }
            self.line.extend_from_slice(text);
        }
        None
    }

    /// The raw bytes before the next line, as far as they are there.
    fn cut_raw<'r>(&mut self, raw: &mut &'r [u8]) -> Option<Message<'r>> {
        if self.state == State::Return && !raw.is_empty() {
            *raw = raw.strip_prefix(b"\n").unwrap_or(raw);
            self.state = State::Text;
        }
        let max = usize::try_from(self.raw).unwrap_or(usize::MAX);
        let (bytes, rest) = raw.split_at(raw.len().min(max));
        if bytes.is_empty() {
            return None;
        }
        *raw = rest;
        self.raw -= bytes.len() as u64;
        let line_end = None;
        Some(Message { bytes, line_end })
    }

    /// The line that `text` completes; `text` itself, without a copy, if it is the whole line.
    fn complete<'a>(&'a mut self, text: &'a [u8]) -> &'a [u8] {
        if self.line.is_empty() {
            return text;
        }
        self.line.extend_from_slice(text);
        self.delivered = true;
        &self.line
    }

    /// Processes one byte in a state other than `Text`; whether the byte is consumed.
    fn step(&mut self, byte: u8) -> bool {
        let (next, used) = match (self.state, byte) {
            (State::Return, b'\n' | 0) => (State::Text, true),
            (State::Command, IAC) => {
                self.line.push(IAC);
                (State::Text, true)
            }
            (State::Command, SB) => {
                self.negotiation = 0;
                (State::Subnegotiation, true)
            }
            (State::Command, WILL..=DONT) => (State::Option, true),
            (State::Command, SE..SB) => (State::Text, true),
            // No telnet command follows, so the byte is text in some 8-bit encoding.
            (State::Command, _) => {
                self.line.push(IAC);
                (State::Text, false)
            }
            (State::Option, _) | (State::SubnegotiationCommand, SE) => (State::Text, true),
            (State::Subnegotiation, IAC) => (State::SubnegotiationCommand, true),
            (State::Subnegotiation | State::SubnegotiationCommand, _) => {
                self.negotiation += 1;
                (State::Subnegotiation, true)
            }
            (State::Return | State::Text, _) => (State::Text, false),
        };
        if next == State::Text {
            self.negotiation = 0;
        }
        self.state = next;
        used
    }

    /// The incomplete line at the end of the input, if there is one.
    pub(crate) fn last(&mut self) -> Option<&[u8]> {
        if std::mem::take(&mut self.delivered) {
            self.line.clear();
        }
        self.delivered = true;
        (!self.line.is_empty()).then_some(&self.line)
    }
}

// Telnet commands (RFC 854); all are between SE and IAC.
const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const DONT: u8 = 254;
const IAC: u8 = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Checks that `raw`, in chunks of every size, is cut into these lines, with this line end.
    #[track_caller]
    fn check(raw: &[u8], lines: &[&[u8]], line_end: &str) {
        for size in 1..=raw.len().max(1) {
            let cut = cut(raw, size, 16).expect("no line is too long");
            let texts: Vec<&[u8]> = cut.iter().map(|(line, _)| line.as_slice()).collect();
            assert_eq!(texts, lines, "in chunks of {size}");
            assert!(
                cut.iter()
                    .all(|(_, end)| end.is_none_or(|end| end == line_end))
            );
        }
    }

    type Cut = Vec<(Vec<u8>, Option<&'static str>)>;

    fn cut(raw: &[u8], size: usize, limit: usize) -> Result<Cut, TooLong> {
        let mut framer = Framer::new(Framing::Line, limit);
        let mut lines = Vec::new();
        for mut chunk in raw.chunks(size) {
            while let Some(line) = framer.cut(&mut chunk) {
                let Message { bytes, line_end } = line?;
                lines.push((bytes.to_vec(), line_end));
            }
            assert!(chunk.is_empty(), "the framer keeps incomplete lines");
        }
        lines.extend(framer.last().map(|line| (line.to_vec(), None)));
        Ok(lines)
    }

    #[test]
    fn every_line_end_is_recognized() {
        check(b"", &[], "\n");
        check(b"one\ntwo\n", &[b"one", b"two"], "\n");
        check(b"one\r\ntwo\r\n", &[b"one", b"two"], "\r\n");
        check(b"one\rtwo\r", &[b"one", b"two"], "\r\n");
        check(b"one\r\0two\r\0", &[b"one", b"two"], "\r\n");
        check(b"\n\n", &[b"", b""], "\n");
        assert_eq!(cut(b"\r\r\n\n", 1, 1).map(|lines| lines.len()), Ok(3));
        check(b"half", &[b"half"], "\n");
        check(b"whole\nhalf", &[b"whole", b"half"], "\n");
        check(b"nul\0in\n", &[b"nul\0in"], "\n");
    }

    #[test]
    fn telnet_negotiation_is_removed() {
        check(b"\xff\xfd\x03\xff\xfb\x01hi\r\0", &[b"hi"], "\r\n");
        check(
            b"a\xff\xf1b\xff\xfa\x18\x00\xff\xff\n\xff\xf0c\n",
            &[b"abc"],
            "\n",
        );
        check(b"a\xff\xffb\n", &[b"a\xffb"], "\n");
        check(b"a\xff\nb\xff\xff", &[b"a\xff", b"b\xff"], "\n");
        check(b"caf\xff!\n", &[b"caf\xff!"], "\n");
    }

    #[test]
    fn line_length_is_limited() {
        check(b"exactly_16_bytes\n", &[b"exactly_16_bytes"], "\n");
        for raw in [
            &b"seventeen__bytes_\n"[..],
            b"ok\nseventeen__bytes_",
            b"\xff\xfaseventeen__bytes_and_more",
        ] {
            for size in 1..=raw.len() {
                assert_eq!(cut(raw, size, 16), Err(TooLong), "in chunks of {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(raw: Vec<u8>, size in 1..40usize, limit in 1..40usize) {
            prop_assert_eq!(cut(&raw, raw.len().max(1), limit), cut(&raw, size, limit));
        }

        #[test]
        fn lines_without_special_bytes_are_split_at_lf(lines: Vec<Vec<u8>>) {
            let lines: Vec<Vec<u8>> = lines
                .into_iter()
                .map(|line| line.into_iter().filter(|byte| ![b'\n', b'\r', IAC].contains(byte)).collect())
                .collect();
            let raw: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
            let expected = lines.into_iter().map(|line| (line, Some("\n"))).collect();
            prop_assert_eq!(cut(&raw, raw.len().max(1), 1000), Ok(expected));
        }
    }
}
