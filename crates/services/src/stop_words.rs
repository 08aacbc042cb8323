//! Stop words: a peer that says one on a line of its own ends the conversation.

use std::str;

use clap::Args;
use switchboard_core::{Flow, Framing, Peer, Transport};

/// The option `--stop-word` of a service: the words, in lower case.
#[derive(Args, Clone, Default)]
pub(crate) struct StopWords {
    /// End the conversation after a line that is this word, in any case (repeatable)
    #[arg(long, value_name = "WORD", value_parser = word)]
    stop_word: Vec<String>,
}

/// Waits for a stop word in one conversation.
///
/// In a stream of bytes it finds the line wherever that is cut; a message that is whole by itself
/// (a line, or a datagram) is a stop line or it is none.
pub(crate) struct Watch {
    words: StopWords,
    whole: bool,
    line: Vec<u8>, // the line begun, without the spaces in front; never longer than `most`
    most: usize,
    too_long: bool, // for any stop word
    returned: bool, // a CR ended the stop line, and an LF may still belong to it
}

impl StopWords {
    /// Begins to wait for one from `peer`, whose messages are told apart by `framing`.
    pub(crate) fn watch(&self, peer: &Peer, framing: Framing) -> Watch {
        let longest = self.stop_word.iter().map(|word| word.chars().count()).max();
        Watch {
            words: self.clone(),
            whole: framing == Framing::Line || peer.transport == Transport::Datagram,
            line: Vec::new(),
            most: CHARACTER_BYTES * longest.unwrap_or(0),
            too_long: false,
            returned: false,
        }
    }

    /// Whether this whole line is one of them. Spaces around it and its line end do not count.
    fn include(&self, line: &[u8]) -> bool {
        str::from_utf8(line.trim_ascii())
            .is_ok_and(|line| self.stop_word.contains(&line.to_lowercase()))
    }
}

impl Watch {
    /// What of `message` belongs to the conversation, and how that goes on: all of it, or all to
    /// the end of a stop line, which closes.
    ///
    /// A line ends with LF, CR LF or CR. After a CR the next byte is waited for, since an LF is part
    /// of the line; if it is none, nothing of that message belongs to the conversation.
    pub(crate) fn hear<'m>(&mut self, message: &'m [u8]) -> (&'m [u8], Flow) {
        let stop = if self.words.stop_word.is_empty() {
            None
        } else if self.whole {
            self.words.include(message).then_some(message.len())
        } else {
            self.stop_in(message)
        };
        match stop {
            None => (message, Flow::Continue),
            Some(end) => (&message[..end], Flow::Close),
        }
    }

    /// Where in these next bytes of a stream the stop line ends, if it does.
    fn stop_in(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.returned {
                return Some(at + usize::from(byte == b'\n'));
            }
            match byte {
                b'\n' | b'\r' => {
                    let stop = !self.too_long && self.words.include(&self.line);
                    self.line.clear();
                    self.too_long = false;
                    if stop && byte == b'\n' {
                        return Some(at + 1);
                    }
                    self.returned = stop;
                }
                // Spaces may be as many as they like: in front they are not kept, and behind a line
                // that is as long as can be, they are either at its end or make no difference.
                _ if byte.is_ascii_whitespace() && [0, self.most].contains(&self.line.len()) => (),
                _ if self.line.len() == self.most => self.too_long = true,
                _ => self.line.push(byte),
            }
        }
        None
    }
}

/// A stop word as it is compared.
fn word(words: &str) -> Result<String, &'static str> {
    let word = words.trim_ascii().to_lowercase();
    if word.is_empty() {
        return Err("a stop word is not empty");
    }
    if word.contains(['\n', '\r']) {
        return Err("a stop word is one line");
    }
    Ok(word)
}

// A line has no more characters than its lower case, and this is the most that one takes in UTF-8.
const CHARACTER_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stop_words(words: &[&str]) -> StopWords {
        let words = words.iter().map(|words| word(words).expect("it is one"));
        StopWords {
            stop_word: words.collect(),
        }
    }

    fn watch(words: &[&str], transport: Transport, framing: Framing) -> Watch {
        let peer = Peer {
            transport,
            ..Peer::stdio()
        };
        stop_words(words).watch(&peer, framing)
    }

    const WORDS: [&str; 4] = ["stop", "Go On", "größe", "kkkkk"];

    /// How many bytes of `said`, cut into pieces of `size`, belong to the conversation, and whether
    /// it was stopped.
    fn heard(said: &[u8], size: usize) -> (usize, bool) {
        let mut watch = watch(&WORDS, Transport::Stream, Framing::Bytes);
        let mut count = 0;
        for piece in said.chunks(size) {
            let (heard, flow) = watch.hear(piece);
            assert!(piece.starts_with(heard));
            assert!(watch.line.len() <= watch.most);
            count += heard.len();
            if matches!(flow, Flow::Close) {
                return (count, true);
            }
            assert_eq!(heard.len(), piece.len());
        }
        (count, false)
    }

    /// In pieces of any size, the conversation ends before `after`.
    #[track_caller]
    fn check_stop(said: &[u8], after: &[u8]) {
        let all = [said, after].concat();
        for size in 1..=all.len() {
            assert_eq!(heard(&all, size), (said.len(), true), "in pieces of {size}");
        }
    }

    #[track_caller]
    fn check_none(said: &[u8]) {
        for size in 1..=said.len() {
            assert_eq!(
                heard(said, size),
                (said.len(), false),
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn a_line_that_is_the_word_ends_it_in_any_case() {
        check_stop(b"stop\n", b"");
        check_stop(b"one\n\nSTOP\n", b"two\nstop\n");
        check_stop(b"StoP\r\n", b"\nstop\n");
        check_stop(b"one\r\nstop\r", b"two");
        check_stop(b"one\rstop\r\n", b"two");
        check_stop(b" \t stop  \r\n", b"two");
        check_stop(b"go ON\n", b"");
        check_stop("GRÖßE\n".as_bytes(), b"x");
        // The kelvin sign, whose lower case is shorter.
        check_stop("KKKKK\n".replace('K', "\u{212a}").as_bytes(), b"x");
    }

    #[test]
    fn nothing_else_ends_it() {
        check_none(b"stop it\nnon-stop\nstop.\nstopstop\n\xffstop\nst\nop\nst\rop\n");
        check_none(b"go  on\n\xc3stop\ngo\non\n\n\r\n \n");
        check_none(b"more than any stop word can have, stop\n stop it\nstopp\n");
        check_none(b"said, but the line goes on\nstop");
        check_none(b"stop\r");
    }

    #[test]
    fn spaces_and_lines_without_end_take_no_memory() {
        let mut watch = watch(&["stop"], Transport::Stream, Framing::Bytes);
        for filler in [b' ', b'x'] {
            for text in [&[filler; 100_000][..], b"stop", &[filler; 100_000]] {
                watch.hear(text);
            }
            assert!(watch.line.capacity() <= 2 * watch.most);
            let (_, flow) = watch.hear(b"\n");
            assert_eq!(matches!(flow, Flow::Close), filler == b' ');
        }
        // As long as a stop word can be with spaces, and then something else.
        for text in [&b"stop"[..], &[b' '; 100], b"it\n"] {
            assert!(matches!(watch.hear(text), (_, Flow::Continue)));
        }
    }

    #[test]
    fn a_whole_message_is_the_word_or_is_not() {
        for (transport, framing) in [
            (Transport::Datagram, Framing::Bytes),
            (Transport::Datagram, Framing::Line),
            (Transport::Stream, Framing::Line),
        ] {
            let mut watch = watch(&["stop"], transport, framing);
            for other in ["", "one", "st", "op\n", "one\nstop\n", "stop\none", "stop "] {
                let stops = other == "stop ";
                let (heard, flow) = watch.hear(other.as_bytes());
                assert_eq!(heard, other.as_bytes());
                assert_eq!(matches!(flow, Flow::Close), stops, "{other:?}");
            }
            for word in ["stop", "STOP\n", "stop\r\n", "Stop\r"] {
                let (heard, flow) = watch.hear(word.as_bytes());
                assert_eq!(heard, word.as_bytes());
                assert!(matches!(flow, Flow::Close), "{word:?}");
            }
        }
    }

    #[test]
    fn without_words_nothing_is_looked_at() {
        let mut watch = watch(&[], Transport::Stream, Framing::Bytes);
        let (heard, flow) = watch.hear(b"stop\n\nx");
        assert_eq!(heard, b"stop\n\nx");
        assert!(matches!(flow, Flow::Continue));
        assert!(!watch.too_long && watch.line.capacity() == 0);
    }

    #[test]
    fn a_word_that_nobody_could_say_is_refused() {
        assert_eq!(word(""), Err("a stop word is not empty"));
        assert_eq!(word(" \t"), Err("a stop word is not empty"));
        assert_eq!(word("a\nb"), Err("a stop word is one line"));
        assert_eq!(word(" EXIT "), Ok("exit".to_owned()));
    }

    /// Where the stop line ends, found with all of `said` at hand.
    fn stop_of(said: &[u8]) -> (usize, bool) {
        let mut begin = 0;
        for (at, byte) in said.iter().enumerate() {
            if ![b'\n', b'\r'].contains(byte) {
                continue;
            }
            if stop_words(&WORDS).include(&said[begin..at]) {
                match (byte, said.get(at + 1)) {
                    (b'\r', None) => (), // not known yet
                    (b'\r', Some(b'\n')) => return (at + 2, true),
                    _ => return (at + 1, true),
                }
            }
            begin = at + 1;
        }
        (said.len(), false)
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "stop", "STOP", "st", "op", " ", "\t", "\r", "\n", "\r\n", "kkkk", "\u{212a}", "x", "                ",
                ]),
                0..16,
            ),
            size in 1..30usize,
        ) {
            let said = parts.concat();
            prop_assert_eq!(heard(said.as_bytes(), size), stop_of(said.as_bytes()));
        }
    }
}
