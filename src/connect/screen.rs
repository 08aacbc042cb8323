//! Standard output on a terminal: what arrives is text, and cannot control the terminal.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use switchboard_client::Output;
use switchboard_core::Sanitized;

use crate::nonblocking::NonBlocking;

/// Standard output on a terminal. Control characters and other invisible ones are shown as text; line
/// ends and tabs stay.
pub(super) struct Screen {
    stdout: NonBlocking<io::Stdout>,
    text: SafeText,
    flush_at: Option<Instant>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            stdout: NonBlocking::new(io::stdout()),
            text: SafeText::default(),
            flush_at: None,
        }
    }

    /// Writes what the terminal takes now, and comes back for the rest.
    fn flush(&mut self) -> io::Result<()> {
        while !self.text.shown.is_empty() {
            match self.stdout.write(&self.text.shown) {
                Ok(count) => drop(self.text.shown.drain(..count)),
                Err(nix::errno::Errno::EAGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        let rests = !self.text.shown.is_empty() || !self.text.incomplete.is_empty();
        self.flush_at = rests.then(|| Instant::now() + RETRY_TIME);
        Ok(())
    }
}

impl Output for Screen {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stdout.as_fd())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if !self.text.shown.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = &bytes[..bytes.len().min(CHUNK_BYTES)];
        self.text.add(bytes);
        self.flush()?;
        Ok(bytes.len())
    }

    fn deadline(&self) -> Option<Instant> {
        self.flush_at
    }

    fn on_timer(&mut self) -> io::Result<()> {
        self.text.complete();
        self.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.text.complete();
        self.flush()?;
        while !self.text.shown.is_empty() {
            let mut polled = [PollFd::new(self.stdout.as_fd(), PollFlags::POLLOUT)];
            poll(&mut polled, PollTimeout::NONE)?;
            self.flush()?;
        }
        Ok(())
    }
}

/// Makes bytes safe to display as they arrive, in pieces of any size.
#[derive(Default)]
pub(super) struct SafeText {
    shown: Vec<u8>,
    incomplete: Vec<u8>, // the beginning of a character or of CR LF
}

impl SafeText {
    /// What is not displayed yet.
    pub(super) fn shown(&mut self) -> &mut Vec<u8> {
        &mut self.shown
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.shown.is_empty() || !self.incomplete.is_empty()
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let mut joined = std::mem::take(&mut self.incomplete);
        joined.extend_from_slice(bytes);
        let complete = joined.len() - incomplete_end(&joined);
        self.show(&joined[..complete]);
        self.incomplete = joined[complete..].to_vec();
    }

    /// Nothing follows soon.
    pub(super) fn complete(&mut self) {
        let rest = std::mem::take(&mut self.incomplete);
        self.show(&rest);
    }

    fn show(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, end) = match line.strip_suffix(b"\n") {
                Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), "\n"),
                None => (line, ""),
            };
            let text = format!("{}{end}", Sanitized(text));
            self.shown.extend_from_slice(text.as_bytes());
        }
    }
}

/// How many bytes at the end may be the beginning of a character or of CR LF.
fn incomplete_end(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\r") {
        return 1;
    }
    let chunk = bytes.utf8_chunks().last();
    let end = chunk.map_or(&b""[..], |chunk| chunk.invalid());
    match str::from_utf8(end) {
        Err(error) if error.error_len().is_none() => end.len(),
        _ => 0,
    }
}

const CHUNK_BYTES: usize = 4096;
const RETRY_TIME: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(pieces: &[&[u8]]) -> String {
        let mut text = SafeText::default();
        for piece in pieces {
            text.add(piece);
        }
        text.complete();
        String::from_utf8(text.shown).expect("only text is shown")
    }

    #[test]
    fn control_characters_are_shown_and_lines_stay() {
        assert_eq!(
            shown(&[b"a\tb\r\n\x1b[31mred\x07\n"]),
            "a\tb\n\\x1b[31mred\\x07\n"
        );
        assert_eq!(shown(&[b"10 %\r20 %\r\n"]), "10 %\\r20 %\n");
        assert_eq!(shown(&[b"\xff\x9b"]), "\\xff\\x9b");
        assert_eq!(
            shown(&["Zo\u{eb} \u{202e}".as_bytes()]),
            "Zo\u{eb} \\u{202e}"
        );
        assert_eq!(shown(&[b"cut \xe2\x82"]), "cut \\xe2\\x82");
    }

    proptest! {
        #[test]
        fn pieces_do_not_change_the_text(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(0xe2), Just(0x82), Just(0xac)], 0..40),
            cut in 0..40_usize,
        ) {
            let (first, rest) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(shown(&[first, rest]), shown(&[&bytes]));
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(shown(&single), shown(&[&bytes]));
        }

        #[test]
        fn nothing_shown_controls_a_terminal(bytes: Vec<u8>) {
            let shown = shown(&[&bytes]);
            prop_assert!(!shown.chars().any(|c| c != '\n' && Sanitized::escapes(c)));
        }
    }
}
