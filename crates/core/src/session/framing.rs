//! How a byte stream is cut into messages.

use std::mem;
use std::num::NonZeroUsize;
use std::str;

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
    /// input ends the last one. A line end is added to each message sent: CR LF for a peer that uses
    /// CR, else LF.
    ///
    /// A peer that has never sent a line end also ends a message by silence, for
    /// [`Limits::line_timeout`](crate::Limits::line_timeout). This does not apply to a line that was
    /// typed character by character, and only to sockets: a pipe or a terminal on standard input must
    /// end its lines.
    ///
    /// A byte-order mark before the first line is dropped. Telnet negotiation is removed. Backspace,
    /// DEL and telnet's Erase Character remove the character before them, Erase Line the line so far.
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
    line_ends: LineEnds,
    keystrokes: u32, // reads of one character since the last message
    is_cut: bool,    // the last message ended by silence; its line end may still follow
    is_first: bool,  // no line was returned yet: the first may begin with a byte-order mark
}

/// How the peer ends its lines, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnds {
    Unknown,
    /// It has ended a line.
    Used,
    /// A message of one character ended by silence: the peer may be typing slowly.
    MaybeMissing,
    /// A longer message ended by silence.
    Missing,
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
            line_ends: LineEnds::Unknown,
            keystrokes: 0,
            is_cut: false,
            is_first: true,
        }
    }

    /// Makes the next `count` bytes raw, where messages are lines.
    pub(crate) fn expect_raw(&mut self, count: u64) {
        if self.framing == Framing::Line {
            self.raw = count;
            self.is_cut = false;
        }
    }

    /// These bytes arrived in one read, and are cut next.
    pub(crate) fn note_read(&mut self, bytes: &[u8]) {
        let is_character = bytes.len() <= MAX_CHARACTER_BYTES
            && (bytes.len() == 1 || last_character(bytes) == bytes.len())
            && bytes != BYTE_ORDER_MARK;
        if is_character && self.framing == Framing::Line && self.raw == 0 {
            self.keystrokes = self.keystrokes.saturating_add(1);
        }
    }

    /// How many line timeouts the peer must be silent for until the incomplete line
    /// [is a message](Self::end_by_silence). `None` if there is none, or if its end will follow.
    pub(crate) fn silence(&self) -> Option<u32> {
        let is_incomplete = self.state == State::Text && self.raw == 0 && !self.delivered;
        if !is_incomplete || without_mark(&self.line, self.is_first).is_empty() {
            return None;
        }
        match (self.line_ends, self.keystrokes) {
            (LineEnds::Used, _) => None,
            (LineEnds::Missing, _) | (_, 0) | (LineEnds::MaybeMissing, 1) => Some(1),
            // A message of one character, such as a move in a game, or the first key of a line.
            (LineEnds::Unknown, 1) => Some(FIRST_KEY_FACTOR),
            (LineEnds::Unknown | LineEnds::MaybeMissing, _) => None,
        }
    }

    /// Whether the incomplete line begins with this text.
    pub(crate) fn begins_with(&self, text: &[u8]) -> bool {
        self.line.starts_with(text)
    }

    /// The incomplete line, as a message. A line end that follows belongs to it.
    pub(crate) fn end_by_silence(&mut self) -> Option<&[u8]> {
        self.silence()?;
        self.is_cut = true;
        self.line_ends = match (self.line_ends, self.keystrokes) {
            (LineEnds::Unknown | LineEnds::MaybeMissing, 1..) => LineEnds::MaybeMissing,
            _ => LineEnds::Missing,
        };
        self.keystrokes = 0;
        self.last()
    }

    /// A datagram as one message: one line end at its end is removed, those within it are not.
    pub(crate) fn whole<'m>(&'m mut self, datagram: &'m [u8]) -> Result<Message<'m>, TooLong> {
        if self.framing != Framing::Line {
            let (bytes, line_end) = (datagram, None);
            return Ok(Message { bytes, line_end });
        }
        let without_lf = datagram.strip_suffix(b"\n").unwrap_or(datagram);
        let bytes = without_lf.strip_suffix(b"\r").unwrap_or(without_lf);
        let has_cr = bytes.len() < without_lf.len();
        let line_end = Some(if has_cr { "\r\n" } else { "\n" });
        self.line.clear();
        let bytes = self.complete(bytes)?;
        Ok(Message { bytes, line_end })
    }

    /// Takes the next complete message from the start of `raw`. Returns `None` if more bytes are
    /// needed; the bytes of an incomplete line are kept here.
    pub(crate) fn cut<'m, 'r: 'm>(
        &'m mut self,
        raw: &mut &'r [u8],
    ) -> Option<Result<Message<'m>, TooLong>> {
        if mem::take(&mut self.delivered) {
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
            let (text, rest) = raw.split_at(plain);
            let Some((&special, rest)) = rest.split_first() else {
                *raw = rest;
                if let Err(TooLong) = self.append(text) {
                    return Some(Err(TooLong));
                }
                break;
            };
            *raw = rest;
            self.state = match special {
                b'\n' => State::Text,
                b'\r' => State::Return,
                _ => State::Command,
            };
            if special == IAC {
                if let Err(TooLong) = self.append(text) {
                    return Some(Err(TooLong));
                }
                continue;
            }
            self.line_ends = LineEnds::Used;
            self.keystrokes = 0;
            if mem::take(&mut self.is_cut) && text.is_empty() && self.line.is_empty() {
                continue;
            }
            let line_end = Some(if special == b'\r' { "\r\n" } else { "\n" });
            let line = self.complete(text);
            return Some(line.map(|bytes| Message { bytes, line_end }));
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
    fn complete<'a>(&'a mut self, text: &'a [u8]) -> Result<&'a [u8], TooLong> {
        let is_first = mem::take(&mut self.is_first);
        let is_whole = self.line.is_empty() && memchr::memchr2(BACKSPACE, DEL, text).is_none();
        if is_whole && text.len() <= self.limit {
            return Ok(without_mark(text, is_first));
        }
        self.append(text)?;
        self.delivered = true;
        Ok(without_mark(&self.line, is_first))
    }

    /// Adds to the incomplete line, and edits it as a terminal does.
    fn append(&mut self, mut text: &[u8]) -> Result<(), TooLong> {
        self.is_cut &= text.is_empty();
        loop {
            let plain = memchr::memchr2(BACKSPACE, DEL, text);
            let (added, rest) = text.split_at(plain.unwrap_or(text.len()));
            if self.limit < self.line.len() + added.len() {
                return Err(TooLong);
            }
            self.line.extend_from_slice(added);
            let Some((_, rest)) = rest.split_first() else {
                return Ok(());
            };
            self.erase_character();
            text = rest;
        }
    }

    fn erase_character(&mut self) {
        let kept = self.line.len() - last_character(&self.line);
        self.line.truncate(kept);
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
            (State::Command, ERASE_CHARACTER) => {
                self.erase_character();
                (State::Text, true)
            }
            (State::Command, ERASE_LINE) => {
                self.line.clear();
                (State::Text, true)
            }
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
        if mem::take(&mut self.delivered) {
            self.line.clear();
        }
        self.delivered = true;
        let line = without_mark(&self.line, mem::take(&mut self.is_first));
        (!line.is_empty()).then_some(line)
    }
}

/// The line without the byte-order mark, which only the first line may begin with.
fn without_mark(line: &[u8], is_first: bool) -> &[u8] {
    match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) if is_first => rest,
        _ => line,
    }
}

/// The length of the last character of a text. A byte that is not UTF-8 is a character.
fn last_character(text: &[u8]) -> usize {
    let lengths = 1..=text.len().min(MAX_CHARACTER_BYTES);
    let mut lengths = lengths.filter(|length| str::from_utf8(&text[text.len() - length..]).is_ok());
    lengths.next().unwrap_or(text.len().min(1))
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const BACKSPACE: u8 = 8;
const DEL: u8 = 127;
const MAX_CHARACTER_BYTES: usize = 4;
const FIRST_KEY_FACTOR: u32 = 5;

// Telnet commands (RFC 854); all are between SE and IAC.
const SE: u8 = 240;
const ERASE_CHARACTER: u8 = 247;
const ERASE_LINE: u8 = 248;
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

    #[test]
    fn a_line_is_edited_as_on_a_terminal() {
        check(b"helk\x08lo\x7f\x7flo\n", &[b"hello"], "\n");
        check(b"\x08\x7f\n\x08a\n", &[b"", b"a"], "\n");
        check(
            "gr\u{fc}\u{1f600}\x08\x08u\r\n".as_bytes(),
            &[b"gru"],
            "\r\n",
        );
        check(b"caf\xe9\xa0\x08\x08e\xc3\x08\n", &[b"cafe"], "\n");
        check(b"ab\xff\xf7c\xff\xf7\xff\xf7d\n", &[b"d"], "\n");
        check(b"one\r\0t\xff\xf8three\r\0", &[b"one", b"three"], "\r\n");
        check(b"x\x08\x08last\x08", &[b"las"], "\n");
        let typed: Vec<u8> = b"0123456789abcdef\x7f".repeat(3);
        assert_eq!(cut(&typed, 1, 16), cut(&typed, 99, 16));
        assert_eq!(cut(&typed, 1, 16), Err(TooLong));
    }

    #[test]
    fn a_datagram_is_edited_as_a_line() {
        let mut framer = Framer::new(Framing::Line, 16);
        for (datagram, text) in [
            ("\u{feff}hi\r\n", "hi"),
            ("helk\x08lo\n", "hello"),
            ("\u{feff}again", "\u{feff}again"),
            ("one\ntwo\n", "one\ntwo"),
            ("", ""),
        ] {
            let message = framer.whole(datagram.as_bytes()).expect("it is short");
            assert_eq!(message.bytes, text.as_bytes());
        }
        assert_eq!(framer.whole(b"seventeen__bytes_"), Err(TooLong));
    }

    #[test]
    fn a_byte_order_mark_before_the_first_line_is_dropped() {
        check(
            "\u{feff}one\n\u{feff}two\n".as_bytes(),
            &[b"one", "\u{feff}two".as_bytes()],
            "\n",
        );
        check("\u{feff}\r\n".as_bytes(), &[b""], "\r\n");
        check("\u{feff}half".as_bytes(), &[b"half"], "\n");
        check("\u{feff}".as_bytes(), &[], "\n");
        check(b"\xef\xbbone\n", &[b"\xef\xbbone"], "\n");
    }

    /// The messages of a peer that sends these reads: `~` is silence for the line timeout, `~~` for
    /// that of a single key.
    #[track_caller]
    fn check_silence(reads: &[&str], messages: &[&str]) {
        let mut framer = Framer::new(Framing::Line, 16);
        let mut received = Vec::new();
        for read in reads {
            if read.starts_with('~') {
                let time = if *read == "~" { 1 } else { FIRST_KEY_FACTOR };
                if framer.silence().is_some_and(|due| due <= time) {
                    received.extend(framer.end_by_silence().map(<[u8]>::to_vec));
                }
                continue;
            }
            let mut bytes = read.as_bytes();
            framer.note_read(bytes);
            while let Some(message) = framer.cut(&mut bytes) {
                received.push(message.expect("it is short").bytes.to_vec());
            }
        }
        let received: Vec<_> = received
            .iter()
            .map(|message| String::from_utf8_lossy(message))
            .collect();
        assert_eq!(received, messages, "{reads:?}");
    }

    #[test]
    fn silence_ends_a_message_without_a_line_end() {
        check_silence(
            &["hello", "~", "how are you", "~", "~"],
            &["hello", "how are you"],
        );
        check_silence(&["hello"], &[]);
        check_silence(&["~", "~~"], &[]);
        // One message in several reads.
        check_silence(&["hel", "lo", "~"], &["hello"]);
        check_silence(
            &["hello", "~", "y", "~", "n", "o", "~"],
            &["hello", "y", "no"],
        );
        check_silence(&["\u{feff}", "~~", "hi", "~"], &["hi"]);
        check_silence(&["hi\x08\x08", "~"], &[]);
    }

    #[test]
    fn silence_ends_no_line_of_a_peer_that_sends_line_ends() {
        for end in ["\n", "\r\n", "\r", "\r\0"] {
            let one = format!("one{end}");
            check_silence(&[&one, "tw", "~~", "o", "~~", end], &["one", "two"]);
            check_silence(&[&format!("{one}tw"), "~~", "o", end], &["one", "two"]);
            // The line end comes late, and belongs to the message that silence has ended.
            check_silence(&["one", "~", end, "~~", &one, "tw", "~~"], &["one", "one"]);
            check_silence(&["one", "~", end, end], &["one", ""]);
            check_silence(&["one", "~", "two", end], &["one", "two"]);
        }
    }

    #[test]
    fn silence_ends_no_line_that_is_typed() {
        check_silence(&["h", "i", "~~", " ", "y", "ou", "~~", "\r\n"], &["hi you"]);
        check_silence(&["\u{e9}", "\u{1f600}", "~~", "\n"], &["\u{e9}\u{1f600}"]);
        check_silence(&["h", "\x08", "hi", "~~", "\n"], &["hi"]);
    }

    #[test]
    fn a_message_of_one_character_needs_a_longer_silence() {
        check_silence(&["4", "~"], &[]);
        check_silence(&["4", "~~", "5", "~", "4", "~"], &["4", "5", "4"]);
        // It was the first key of a line after all.
        check_silence(&["h", "~~", "e", "y", "~~", "\r\n"], &["h", "ey"]);
    }

    #[test]
    fn silence_ends_nothing_within_a_telnet_command_or_raw_bytes() {
        for command in [
            &b"hi\xff"[..],
            b"hi\xff\xfd",
            b"hi\xff\xfa\x18",
            b"hi\xff\xfa\x18\xff",
        ] {
            let mut framer = Framer::new(Framing::Line, 16);
            framer.note_read(command);
            assert_eq!(framer.cut(&mut &*command), None);
            assert_eq!(framer.silence(), None, "{command:?}");
            assert_eq!(framer.end_by_silence(), None);
        }
        let mut framer = Framer::new(Framing::Line, 16);
        framer.note_read(b"PUT");
        assert_eq!(framer.cut(&mut &b"PUT"[..]), None);
        assert_eq!(framer.end_by_silence(), Some(&b"PUT"[..]));
        framer.expect_raw(3);
        let mut bytes = &b"\na"[..];
        framer.note_read(bytes);
        let raw = framer.cut(&mut bytes).expect("raw bytes are there");
        assert_eq!(raw.expect("they have no limit").bytes, b"\na");
        assert_eq!(framer.silence(), None);
    }

    const SPECIAL: &[u8] = b"a\n\r\0\x08\x7f\xff\xf0\xf7\xf8\xfa\xfb\xef\xbb\xbf\xc3\xa4";

    proptest! {
        #[test]
        fn chunking_makes_no_difference(raw: Vec<u8>, size in 1..40usize, limit in 1..40usize) {
            prop_assert_eq!(cut(&raw, raw.len().max(1), limit), cut(&raw, size, limit));
        }

        #[test]
        fn chunking_makes_no_difference_to_special_bytes(
            raw in prop::collection::vec(prop::sample::select(SPECIAL), 0..40),
            size in 1..10usize,
            limit in 1..20usize,
        ) {
            prop_assert_eq!(cut(&raw, raw.len().max(1), limit), cut(&raw, size, limit));
        }

        #[test]
        fn lines_without_special_bytes_are_split_at_lf(lines: Vec<Vec<u8>>) {
            let lines: Vec<Vec<u8>> = lines
                .into_iter()
                .map(|line| line.into_iter().filter(|byte| ![b'\n', b'\r', IAC, BACKSPACE, DEL, BYTE_ORDER_MARK[0]].contains(byte)).collect())
                .collect();
            let raw: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
            let expected = lines.into_iter().map(|line| (line, Some("\n"))).collect();
            prop_assert_eq!(cut(&raw, raw.len().max(1), 1000), Ok(expected));
        }
    }
}
