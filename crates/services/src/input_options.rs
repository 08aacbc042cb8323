//! The options of a service that reads a stream as it arrives: how it is cut into reads, and which
//! line ends the session.

use std::num::NonZeroUsize;
use std::str;

use clap::Args;
use switchboard_core::{Flow, Framing, Outbox, Peer, Transport, without_zero_width};

use crate::units::size_in;

#[derive(Args, Clone, Default)]
pub(crate) struct InputOptions {
    /// Receive at most this many bytes at a time, each read on its own (1 to 64k)
    #[arg(long, value_name = "BYTES", value_parser = size_in::<usize>(1..=MAX_READ_BYTES))]
    receive_buffer: Option<usize>,

    /// Close the connection after a line that is this word, in any case (repeatable)
    #[arg(long, value_name = "WORD", value_parser = word)]
    stop_word: Vec<String>,
}

/// Finds a stop word in the input of one session.
///
/// In a stream of bytes the line may be cut into any chunks. A line or a datagram is compared as a
/// whole. In a stream of bytes, silence ends a stop line as it ends a line, see [`Framing::Line`].
pub(crate) struct StopWordMatcher {
    words: Vec<String>, // in lower case
    is_message_whole: bool,
    line: Vec<u8>, // the current line without leading spaces, at most `max_line` bytes of it
    max_line: usize, // one byte more than a stop word can have
    after_cr: bool, // a CR ended the stop line, and an LF may follow
    has_line_end: bool, // the peer has sent one
    keystrokes: u32, // chunks of one character in the line, not cut by the receive buffer
    read: Vec<u8>, // what the peer sent last, until it sends a line end; at most `max_line` bytes
    is_read_cut: bool, // by the receive buffer
    receive_buffer: usize,
}

impl InputOptions {
    /// Reads of the given size; without one, the `default` framing of the service.
    pub(crate) fn framing_or(&self, default: Framing) -> Framing {
        let bytes = self.receive_buffer.and_then(NonZeroUsize::new);
        bytes.map_or(default, Framing::Chunks)
    }

    /// Finds the stop words in the input of `peer`, which has this framing.
    pub(crate) fn matcher(&self, peer: &Peer, framing: Framing) -> StopWordMatcher {
        let longest = self.stop_word.iter().map(|word| word.chars().count()).max();
        StopWordMatcher {
            words: self.stop_word.clone(),
            is_message_whole: framing == Framing::Line || peer.transport == Transport::Datagram,
            line: Vec::new(),
            max_line: CHARACTER_BYTES * (longest.unwrap_or(0) + ZERO_WIDTH) + 1,
            after_cr: false,
            has_line_end: false,
            keystrokes: 0,
            read: Vec::new(),
            is_read_cut: false,
            receive_buffer: self.receive_buffer.unwrap_or(usize::MAX),
        }
    }
}

impl StopWordMatcher {
    /// Whether this line, without surrounding spaces and its line end, is a stop word.
    fn is_stop_word(&self, line: &[u8]) -> bool {
        str::from_utf8(without_zero_width(line).trim_ascii())
            .is_ok_and(|line| self.words.contains(&line.to_lowercase()))
    }

    /// Does what [`scan`](Self::scan) does, and sets the timer where silence ends the line.
    pub(crate) fn receive<'m>(&mut self, message: &'m [u8], out: &mut Outbox) -> (&'m [u8], Flow) {
        let (accepted, flow) = self.scan(message);
        if (self.after_cr || self.ends_by_silence() && !self.line.is_empty())
            && let Some(time) = out.line_timeout()
        {
            let is_first_key = self.line.len() == 1;
            let factor = if is_first_key { FIRST_KEY_FACTOR } else { 1 };
            out.set_timer(time.saturating_mul(factor));
        }
        (accepted, flow)
    }

    /// The timer expired: [`Flow::Close`] if silence has ended a stop line.
    pub(crate) fn on_timer(&mut self) -> Flow {
        let is_stopped = self.is_stop_word(&self.line) || self.is_stop_word(&self.read);
        if self.after_cr || self.ends_by_silence() && is_stopped {
            return Flow::Close;
        }
        if self.ends_by_silence() {
            self.line.clear();
            self.keystrokes = 0;
        }
        Flow::Continue
    }

    /// Whether silence ends the line: the peer has sent no line end, and is not typing.
    fn ends_by_silence(&self) -> bool {
        !self.has_line_end && self.keystrokes <= 1
    }

    /// Stores what the peer sent last. Without line ends, an answer may be all that separates it from
    /// what was sent before.
    fn note_read(&mut self, bytes: &[u8]) {
        let is_character = str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1);
        if is_character && bytes.len() < self.receive_buffer {
            self.keystrokes = self.keystrokes.saturating_add(1);
        }
        if !self.is_read_cut {
            self.read.clear();
        }
        self.is_read_cut = bytes.len() == self.receive_buffer;
        let room = self.max_line - self.read.len();
        self.read.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Returns the part of `message` up to the end of a stop line, and [`Flow::Close`]; without a stop
    /// line, the whole message and [`Flow::Continue`].
    ///
    /// A line ends with LF, CR LF or CR. If a stop line ends with CR, the next byte decides: an LF
    /// belongs to the line, and of any other message the returned part is empty.
    fn scan<'m>(&mut self, message: &'m [u8]) -> (&'m [u8], Flow) {
        let end = if self.words.is_empty() {
            None
        } else if self.is_message_whole {
            self.is_stop_word(message).then_some(message.len())
        } else {
            self.scan_bytes(message)
        };
        end.map_or((message, Flow::Continue), |end| {
            (&message[..end], Flow::Close)
        })
    }

    /// The index after the stop line, if it ends in these bytes of a stream.
    fn scan_bytes(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.has_line_end {
            self.note_read(bytes);
        }
        for (at, &byte) in bytes.iter().enumerate() {
            if self.after_cr {
                return Some(at + usize::from(byte == b'\n'));
            }
            match byte {
                b'\n' | b'\r' => {
                    let stop = self.is_stop_word(&self.line);
                    self.line.clear();
                    self.has_line_end = true;
                    if stop && byte == b'\n' {
                        return Some(at + 1);
                    }
                    self.after_cr = stop;
                }
                BACKSPACE | DEL if self.line.len() < self.max_line => {
                    while self.line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {} // UTF-8
                }
                // Any number of spaces is allowed. Leading ones are not stored. Those after the
                // longest stop word are either trailing, or the line is no stop word anyway.
                _ if byte.is_ascii_whitespace()
                    && [0, self.max_line - 1].contains(&self.line.len()) => {}
                _ if self.line.len() == self.max_line => {}
                _ => self.line.push(byte),
            }
        }
        None
    }
}

/// Parses a stop word into the form that is compared.
fn word(text: &str) -> Result<String, &'static str> {
    let word = without_zero_width(text.as_bytes());
    let word = str::from_utf8(&word).map_err(|_| "a stop word must be UTF-8")?;
    let word = word.trim_ascii().to_lowercase();
    if word.is_empty() {
        return Err("a stop word must not be empty");
    }
    if word.contains(['\n', '\r']) {
        return Err("a stop word must be one line");
    }
    Ok(word)
}

// A line has at most as many characters as its lower case; this is the longest one in UTF-8.
const CHARACTER_BYTES: usize = 4;
const BACKSPACE: u8 = 8;
const DEL: u8 = 127;
const ZERO_WIDTH: usize = 8; // characters that count as nothing
const FIRST_KEY_FACTOR: u32 = 5; // as for a line of one character
const MAX_READ_BYTES: u64 = 64 * 1024; // no datagram is longer

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use switchboard_core::Address;

    use super::*;

    fn matcher(words: &[&str], transport: Transport, framing: Framing) -> StopWordMatcher {
        let peer = Peer::new(Address::Stdio, Address::Stdio, transport);
        let words = words.iter().map(|words| word(words).expect("a stop word"));
        let options = InputOptions {
            receive_buffer: None,
            stop_word: words.collect(),
        };
        options.matcher(&peer, framing)
    }

    const WORDS: [&str; 4] = ["stop", "Go On", "größe", "kkkkk"];

    /// The number of bytes accepted of `input`, in chunks of `size`, and whether a stop word was found.
    fn scanned(input: &[u8], size: usize) -> (usize, bool) {
        let mut matcher = matcher(&WORDS, Transport::Stream, Framing::Bytes);
        let mut count = 0;
        for chunk in input.chunks(size) {
            let (accepted, flow) = matcher.scan(chunk);
            assert!(chunk.starts_with(accepted));
            assert!(matcher.line.len() <= matcher.max_line);
            count += accepted.len();
            if matches!(flow, Flow::Close) {
                return (count, true);
            }
            assert_eq!(accepted.len(), chunk.len());
        }
        (count, false)
    }

    /// The session ends between `input` and `after`, in chunks of any size.
    #[track_caller]
    fn check_stop(input: &[u8], after: &[u8]) {
        let all = [input, after].concat();
        for size in 1..=all.len() {
            let expected = (input.len(), true);
            assert_eq!(scanned(&all, size), expected, "in chunks of {size}");
        }
    }

    #[track_caller]
    fn check_none(input: &[u8]) {
        for size in 1..=input.len() {
            let expected = (input.len(), false);
            assert_eq!(scanned(input, size), expected, "in chunks of {size}");
        }
    }

    #[test]
    fn a_line_with_the_word_is_found_in_any_case() {
        check_stop(b"stop\n", b"");
        check_stop(b"one\n\nSTOP\n", b"two\nstop\n");
        check_stop(b"StoP\r\n", b"\nstop\n");
        check_stop(b"one\r\nstop\r", b"two");
        check_stop(b"one\rstop\r\n", b"two");
        check_stop(b" \t stop  \r\n", b"two");
        check_stop(b"go ON\n", b"");
        check_stop(b"\x08sto\xc3\xb6\x08q\x7fp\n", b"x"); // edited as a line is
        check_stop("GRÖßE\n".as_bytes(), b"x");
        // The kelvin sign, whose lower case is shorter.
        check_stop("KKKKK\n".replace('K', "\u{212a}").as_bytes(), b"x");
    }

    #[test]
    fn other_lines_are_not_found() {
        check_none(b"stop it\nnon-stop\nstop.\nstopstop\n\xffstop\nst\nop\nst\rop\n");
        check_none(b"go  on\n\xc3stop\ngo\non\n\n\r\n \n");
        check_none(b"more than any stop word can have, stop\n stop it\nstopp\n");
        check_none(b"sent, but without a line end\nstop");
        check_none(b"stop\r");
        check_none(b"stop\x08\nstoop\x7f\n");
    }

    #[test]
    fn zero_width_characters_count_as_nothing() {
        check_stop("\u{feff}stop\n".as_bytes(), b"x");
        check_stop("\u{200b} st\u{ad}o\u{2060}p \u{feff}\r\n".as_bytes(), b"x");
        assert_eq!(word("\u{200b}st\u{ad}op"), Ok("stop".to_owned()));
        assert_eq!(word("\u{200b}"), Err("a stop word must not be empty"));
    }

    /// Checks whether silence after these chunks ends a stop line.
    #[track_caller]
    fn check_silence(receive_buffer: Option<usize>, chunks: &[&str], stops: bool) {
        let peer = Peer::new(Address::Stdio, Address::Stdio, Transport::Stream);
        let options = InputOptions {
            receive_buffer,
            stop_word: vec!["stop".to_owned(), "größe".to_owned()],
        };
        let mut matcher = options.matcher(&peer, options.framing_or(Framing::Bytes));
        for chunk in chunks {
            assert!(matches!(
                matcher.scan(chunk.as_bytes()),
                (_, Flow::Continue)
            ));
        }
        assert_eq!(
            matches!(matcher.on_timer(), Flow::Close),
            stops,
            "{chunks:?}"
        );
    }

    #[test]
    fn silence_ends_a_stop_line_of_a_peer_that_sends_no_line_end() {
        for chunks in [
            &["stop"][..],
            &[" STOP "],
            &["sto", "p"],
            &["\u{feff}", "stop"],
            &["Größe"],
            &["stop\r"],
        ] {
            check_silence(None, chunks, true);
        }
        for chunks in [
            &["stop it"][..],
            &["sto", "pp"],
            &["one\n", "stop"],
            &["s", "t", "o", "p"],
            &[""],
        ] {
            check_silence(None, chunks, false);
        }
        // Reads that the receive buffer cuts are not keystrokes.
        check_silence(Some(1), &["s", "t", "o", "p"], true);
        check_silence(Some(3), &["sto", "p"], true);
        check_silence(Some(4), &["non-", "stop"], false);
        check_silence(Some(4), &["non", "stop"], true);
        check_silence(Some(5), &["s", "t", "o", "p"], false);
    }

    #[test]
    fn endless_spaces_and_lines_need_no_memory() {
        let mut matcher = matcher(&["stop"], Transport::Stream, Framing::Bytes);
        for filler in [b' ', b'x'] {
            for text in [&[filler; 100_000][..], b"stop", &[filler; 100_000]] {
                matcher.scan(text);
            }
            assert!(matcher.line.capacity() <= 2 * matcher.max_line);
            let (_, flow) = matcher.scan(b"\n");
            assert_eq!(matches!(flow, Flow::Close), filler == b' ');
        }
        // The maximal length with spaces, and then other characters.
        for text in [&b"stop"[..], &[b' '; 100], b"it\n"] {
            assert!(matches!(matcher.scan(text), (_, Flow::Continue)));
        }
    }

    #[test]
    fn a_line_or_datagram_is_compared_as_a_whole() {
        for (transport, framing) in [
            (Transport::Datagram, Framing::Bytes),
            (Transport::Datagram, Framing::Line),
            (Transport::Stream, Framing::Line),
        ] {
            let mut matcher = matcher(&["stop"], transport, framing);
            for other in ["", "one", "st", "op\n", "one\nstop\n", "stop\none", "stop "] {
                let stops = other == "stop ";
                let (accepted, flow) = matcher.scan(other.as_bytes());
                assert_eq!(accepted, other.as_bytes());
                assert_eq!(matches!(flow, Flow::Close), stops, "{other:?}");
            }
            for word in ["stop", "STOP\n", "stop\r\n", "Stop\r"] {
                let (accepted, flow) = matcher.scan(word.as_bytes());
                assert_eq!(accepted, word.as_bytes());
                assert!(matches!(flow, Flow::Close), "{word:?}");
            }
        }
    }

    #[test]
    fn without_stop_words_nothing_is_stored() {
        let mut matcher = matcher(&[], Transport::Stream, Framing::Bytes);
        let (accepted, flow) = matcher.scan(b"stop\n\nx");
        assert_eq!(accepted, b"stop\n\nx");
        assert!(matches!(flow, Flow::Continue));
        assert!(matcher.line.capacity() == 0);
    }

    #[test]
    fn an_invalid_stop_word_is_refused() {
        assert_eq!(word(""), Err("a stop word must not be empty"));
        assert_eq!(word(" \t"), Err("a stop word must not be empty"));
        assert_eq!(word("a\nb"), Err("a stop word must be one line"));
        assert_eq!(word(" EXIT "), Ok("exit".to_owned()));
    }

    /// The same as [`scanned`], found in the whole input at once.
    fn expected(input: &[u8]) -> (usize, bool) {
        let matcher = matcher(&WORDS, Transport::Stream, Framing::Bytes);
        let mut begin = 0;
        for (at, byte) in input.iter().enumerate() {
            if ![b'\n', b'\r'].contains(byte) {
                continue;
            }
            if matcher.is_stop_word(&input[begin..at]) {
                match (byte, input.get(at + 1)) {
                    (b'\r', None) => (), // not known yet
                    (b'\r', Some(b'\n')) => return (at + 2, true),
                    _ => return (at + 1, true),
                }
            }
            begin = at + 1;
        }
        (input.len(), false)
    }

    proptest! {
        #[test]
        fn any_chunking_has_the_same_result(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "stop", "STOP", "st", "op", " ", "\t", "\r", "\n", "\r\n", "kkkk", "\u{212a}", "x", "                ",
                ]),
                0..16,
            ),
            size in 1..30usize,
        ) {
            let input = parts.concat();
            prop_assert_eq!(scanned(input.as_bytes(), size), expected(input.as_bytes()));
        }
    }
}
