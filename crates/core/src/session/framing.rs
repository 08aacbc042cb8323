//! Where one message ends and the next begins, on a stream.

use std::num::NonZeroUsize;

use crate::reactor::source::READ_BYTES;

/// How messages are told apart on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// They are not: bytes as they come, in pieces of any size. What is sent goes out as it is.
    Bytes,
    /// As `Bytes`, and one read brings so many bytes at most. A datagram is cut off there.
    Chunks(NonZeroUsize),
    /// One message is one line, ended by LF, CR LF, CR, or the CR NUL of telnet (RFC 854); the last
    /// one may be ended by the end of input. Telnet negotiation between is swallowed. Each message
    /// sent becomes a line, ended by CR LF for a peer that uses CR, else by LF.
    Line,
}

impl Framing {
    /// The most that one read is to bring.
    pub(crate) fn read_bytes(self) -> usize {
        match self {
            Self::Bytes | Self::Line => READ_BYTES,
            Self::Chunks(bytes) => bytes.get().min(READ_BYTES),
        }
    }
}

/// Cuts what was read into messages.
#[derive(Debug)]
pub(crate) enum Framer {
    Bytes,
    Line(Lines),
}

/// One message, cut out of what was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'m> {
    pub(crate) bytes: &'m [u8],
    /// The line end to answer with from now on, where this is a line: the one that the peer uses.
    pub(crate) line_end: Option<&'static str>,
}

/// A line went on for longer than a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Framer {
    pub(crate) fn new(framing: Framing, message_bytes: usize) -> Self {
        match framing {
            Framing::Bytes | Framing::Chunks(_) => Self::Bytes,
            Framing::Line => Self::Line(Lines::new(message_bytes)),
        }
    }

    /// The next whole message of `raw`, which is left with what follows it; `None` once more must
    /// be read.
    pub(crate) fn cut<'m, 'r: 'm>(
        &'m mut self,
        raw: &mut &'r [u8],
    ) -> Option<Result<Message<'m>, TooLong>> {
        match self {
            Self::Bytes if raw.is_empty() => None,
            Self::Bytes => Some(Ok(Message {
                bytes: std::mem::take(raw),
                line_end: None,
            })),
            Self::Line(lines) => lines.cut(raw),
        }
    }

    /// The next `count` bytes are no lines, where messages are lines.
    pub(crate) fn expect(&mut self, count: u64) {
        if let Self::Line(lines) = self {
            lines.expected = count;
        }
    }

    /// A datagram as one message: a line comes without its line end, and may have others inside.
    pub(crate) fn whole<'m>(&self, datagram: &'m [u8]) -> Result<Message<'m>, TooLong> {
        let Self::Line(lines) = self else {
            let (bytes, line_end) = (datagram, None);
            return Ok(Message { bytes, line_end });
        };
        let unfed = datagram.strip_suffix(b"\n").unwrap_or(datagram);
        let bytes = unfed.strip_suffix(b"\r").unwrap_or(unfed);
        if lines.limit < bytes.len() {
            return Err(TooLong);
        }
        let line_end = Some(if bytes.len() < unfed.len() {
            "\r\n"
        } else {
            "\n"
        });
        Ok(Message { bytes, line_end })
    }

    /// The line that the end of input ended, if one was begun.
    pub(crate) fn last(&mut self) -> Option<&[u8]> {
        match self {
            Self::Bytes => None,
            Self::Line(lines) => lines.last(),
        }
    }
}

/// Cuts lines out of a byte stream, however it was cut into pieces on its way.
#[derive(Debug)]
pub(crate) struct Lines {
    line: Vec<u8>, // the line begun, never longer than `limit`
    expected: u64, // bytes before the next line
    state: State,
    negotiation: usize, // bytes of the telnet subnegotiation so far
    delivered: bool,    // `line` was handed out and is to be cleared
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

impl Lines {
    fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            expected: 0,
            state: State::Text,
            negotiation: 0,
            delivered: false,
            limit,
        }
    }

    fn cut<'m, 'r: 'm>(&'m mut self, raw: &mut &'r [u8]) -> Option<Result<Message<'m>, TooLong>> {
        if std::mem::take(&mut self.delivered) {
            self.line.clear();
        }
        if 0 < self.expected {
            return self.piece(raw).map(Ok);
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

    /// What has come of the bytes that are expected before the next line.
    fn piece<'r>(&mut self, raw: &mut &'r [u8]) -> Option<Message<'r>> {
        if self.state == State::Return && !raw.is_empty() {
            *raw = raw.strip_prefix(b"\n").unwrap_or(raw);
            self.state = State::Text;
        }
        let most = usize::try_from(self.expected).unwrap_or(usize::MAX);
        let (bytes, rest) = raw.split_at(raw.len().min(most));
        if bytes.is_empty() {
            return None;
        }
        *raw = rest;
        self.expected -= bytes.len() as u64;
        let line_end = None;
        Some(Message { bytes, line_end })
    }

    /// The line that `text` completes: `text` itself wherever the whole line is in it, which spares
    /// the copy.
    fn complete<'a>(&'a mut self, text: &'a [u8]) -> &'a [u8] {
        if self.line.is_empty() {
            return text;
        }
        self.line.extend_from_slice(text);
        self.delivered = true;
        &self.line
    }

    /// Takes one byte outside plain text; whether it was used up.
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
            // No telnet command follows, so it was a stray byte of some older alphabet: keep it.
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

    fn last(&mut self) -> Option<&[u8]> {
        if std::mem::take(&mut self.delivered) {
            self.line.clear();
        }
        self.delivered = true;
        (!self.line.is_empty()).then_some(&self.line)
    }
}

// The telnet commands that matter (RFC 854); all lie between SE and IAC.
const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const DONT: u8 = 254;
const IAC: u8 = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cut in pieces of any size, `raw` gives these lines, and those that were ended ask for this
    /// line end.
    #[track_caller]
    fn check(raw: &[u8], lines: &[&[u8]], line_end: &str) {
        for size in 1..=raw.len().max(1) {
            let cut = cut(raw, size, 16).expect("no line is too long");
            let texts: Vec<&[u8]> = cut.iter().map(|(line, _)| line.as_slice()).collect();
            assert_eq!(texts, lines, "in pieces of {size}");
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
        for mut piece in raw.chunks(size) {
            while let Some(line) = framer.cut(&mut piece) {
                let Message { bytes, line_end } = line?;
                lines.push((bytes.to_vec(), line_end));
            }
            assert!(piece.is_empty(), "what is not cut is kept by the framer");
        }
        lines.extend(framer.last().map(|line| (line.to_vec(), None)));
        Ok(lines)
    }

    #[test]
    fn lines_end_in_any_of_the_usual_ways() {
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
    fn telnet_negotiation_is_swallowed() {
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
    fn a_line_has_a_limit() {
        check(b"exactly_16_bytes\n", &[b"exactly_16_bytes"], "\n");
        for raw in [
            &b"seventeen__bytes_\n"[..],
            b"ok\nseventeen__bytes_",
            b"\xff\xfaseventeen__bytes_and_more",
        ] {
            for size in 1..=raw.len() {
                assert_eq!(cut(raw, size, 16), Err(TooLong), "in pieces of {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(raw: Vec<u8>, size in 1..40usize, limit in 1..40usize) {
            prop_assert_eq!(cut(&raw, raw.len().max(1), limit), cut(&raw, size, limit));
        }

        #[test]
        fn lines_without_special_bytes_are_as_split(lines: Vec<Vec<u8>>) {
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
