//! Text from a peer that cannot control the terminal.

use switchboard_core::Sanitized;

/// Makes bytes safe to display as they arrive, in pieces of any size. Control characters and other
/// invisible ones are shown as text; line ends and tabs stay.
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

    /// Takes the incomplete end as it is, because nothing has followed it.
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
