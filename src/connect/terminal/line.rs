//! The line that is edited, without a terminal.

use unicode_width::UnicodeWidthChar;

use switchboard_core::Sanitized;

/// A line being edited, and those before it.
#[derive(Default)]
pub(super) struct Line {
    text: Vec<char>,
    cursor: usize,
    history: Vec<Vec<char>>,
    recalled: usize, // index in `history`; its length is the new line
    keys: Keys,
    undecoded: Vec<u8>,
}

/// What the keys before the next one are the beginning of.
#[derive(Default)]
enum Keys {
    #[default]
    Plain,
    AfterReturn,
    Escape,
    Sequence(String),
    Literal,
}

/// What a key caused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// A line was entered. A line that is too long is entered in pieces, without a line end.
    Entered(String),
    End,
    Suspended,
}

impl Line {
    /// Bytes from the keyboard. Returns what they caused, in order.
    pub(super) fn type_bytes(&mut self, bytes: &[u8]) -> Vec<Done> {
        let mut typed = std::mem::take(&mut self.undecoded);
        typed.extend_from_slice(bytes);
        let mut done = Vec::new();
        let mut chunks = typed.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            done.extend(chunk.valid().chars().filter_map(|key| self.press(key)));
            let rest = chunk.invalid();
            let is_cut = str::from_utf8(rest).is_err_and(|error| error.error_len().is_none());
            if chunks.peek().is_none() && is_cut {
                self.undecoded = rest.to_vec();
            } else if !rest.is_empty() {
                done.extend(self.press(char::REPLACEMENT_CHARACTER));
            }
        }
        done
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What is visible in this many columns, and the column of the cursor in it.
    pub(super) fn visible(&self, columns: usize) -> (String, usize) {
        let shown = |c: &char| shown(*c);
        let mut start = self.cursor;
        let mut before = 0;
        for c in self.text[..self.cursor].iter().rev() {
            let width = width(&shown(c));
            if before + width > columns {
                break;
            }
            before += width;
            start -= 1;
        }
        let mut text = String::new();
        let mut used = 0;
        for c in &self.text[start..] {
            let shown = shown(c);
            used += width(&shown);
            if used > columns {
                break;
            }
            text.push_str(&shown);
        }
        (text, before)
    }

    fn press(&mut self, key: char) -> Option<Done> {
        match std::mem::take(&mut self.keys) {
            Keys::AfterReturn if key == '\n' => return None,
            Keys::Plain | Keys::AfterReturn => (),
            Keys::Literal => return self.insert(key),
            Keys::Escape if key == '[' || key == 'O' => {
                self.keys = Keys::Sequence(String::new());
                return None;
            }
            Keys::Escape => return None,
            Keys::Sequence(mut parameters) => {
                if ('@'..='~').contains(&key) {
                    self.sequence(&parameters, key);
                } else if parameters.len() < 16 {
                    parameters.push(key);
                    self.keys = Keys::Sequence(parameters);
                }
                return None;
            }
        }
        match key {
            '\r' | '\n' => {
                self.keys = if key == '\r' {
                    Keys::AfterReturn
                } else {
                    Keys::Plain
                };
                return Some(self.enter());
            }
            '\x04' if self.text.is_empty() => return Some(Done::End),
            '\x1a' => return Some(Done::Suspended),
            '\x04' => self.delete(self.cursor, self.cursor + 1),
            '\x7f' | '\x08' => self.delete(self.cursor.saturating_sub(1), self.cursor),
            '\x15' => self.delete(0, self.cursor),
            '\x0b' => self.delete(self.cursor, self.text.len()),
            '\x17' => self.delete_word(),
            '\x01' => self.cursor = 0,
            '\x05' => self.cursor = self.text.len(),
            '\x02' => self.sequence("", 'D'),
            '\x06' => self.sequence("", 'C'),
            '\x10' => self.sequence("", 'A'),
            '\x0e' => self.sequence("", 'B'),
            '\x16' => self.keys = Keys::Literal,
            '\x1b' => self.keys = Keys::Escape,
            '\t' => return self.insert(key),
            _ if key.is_control() => (),
            _ => return self.insert(key),
        }
        None
    }

    fn sequence(&mut self, parameters: &str, last: char) {
        match (parameters, last) {
            (_, 'A') => self.recall(self.recalled.checked_sub(1)),
            (_, 'B') => self.recall(Some(self.recalled + 1)),
            (_, 'C') => self.cursor = self.text.len().min(self.cursor + 1),
            (_, 'D') => self.cursor = self.cursor.saturating_sub(1),
            (_, 'H') | ("1" | "7", '~') => self.cursor = 0,
            (_, 'F') | ("4" | "8", '~') => self.cursor = self.text.len(),
            ("3", '~') => self.delete(self.cursor, self.cursor + 1),
            _ => (),
        }
    }

    fn insert(&mut self, c: char) -> Option<Done> {
        self.text.insert(self.cursor, c);
        self.cursor += 1;
        if self.text.len() < MAX_CHARS {
            return None;
        }
        self.cursor = 0;
        Some(Done::Entered(self.text.drain(..).collect()))
    }

    fn delete(&mut self, start: usize, end: usize) {
        let end = end.min(self.text.len());
        self.text.drain(start..end);
        self.cursor = start;
    }

    fn delete_word(&mut self) {
        let before = &self.text[..self.cursor];
        let word = before.iter().rposition(|c| !c.is_whitespace());
        let space = before[..word.unwrap_or(0)]
            .iter()
            .rposition(|c| c.is_whitespace());
        self.delete(space.map_or(0, |space| space + 1), self.cursor);
    }

    fn enter(&mut self) -> Done {
        let text = std::mem::take(&mut self.text);
        self.cursor = 0;
        let entered = text.iter().chain(['\n'].iter()).collect();
        let is_new = !text.is_empty() && self.history.last() != Some(&text);
        if is_new && text.len() <= MAX_HISTORY_CHARS {
            if self.history.len() == MAX_HISTORY_LINES {
                self.history.remove(0);
            }
            self.history.push(text);
        }
        self.recalled = self.history.len();
        Done::Entered(entered)
    }

    /// Shows a line of the history, or after the last one an empty line.
    fn recall(&mut self, index: Option<usize>) {
        if let Some(index) = index.filter(|&index| index <= self.history.len()) {
            self.recalled = index;
            self.text = self.history.get(index).cloned().unwrap_or_default();
            self.cursor = self.text.len();
        }
    }
}

/// A character as it is displayed.
fn shown(c: char) -> String {
    match c {
        '\t' => " ".to_owned(),
        _ => Sanitized(c.encode_utf8(&mut [0; 4]).as_bytes()).to_string(),
    }
}

fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

const MAX_CHARS: usize = 64 * 1024;
const MAX_HISTORY_LINES: usize = 200;
const MAX_HISTORY_CHARS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &str, lines: &[&str]) {
        let entered: Vec<Done> = lines.iter().map(|&l| Done::Entered(l.to_owned())).collect();
        assert_eq!(Line::default().type_bytes(keys.as_bytes()), entered);
        let mut line = Line::default();
        let single = keys.as_bytes().chunks(1);
        let done: Vec<Done> = single.flat_map(|key| line.type_bytes(key)).collect();
        assert_eq!(done, entered, "in single bytes");
    }

    #[test]
    fn keys_edit_the_line() {
        check("héllo\r", &["héllo\n"]);
        check("a\r\nb\nc\r", &["a\n", "b\n", "c\n"]);
        check("ac\x1b[Db\x1b[H0\x1b[F!\x01\x1b[3~\r", &["abc!\n"]);
        check("one two\x17x\x7fy\r", &["one y\n"]);
        check("one\x15two\x1bOD\x0b\r", &["tw\n"]);
        check("tab\there\r", &["tab\there\n"]);
        check(
            "a\rb\r\x1b[A\x1b[A\r\x1b[A\x1b[B\r",
            &["a\n", "b\n", "a\n", "\n"],
        );
    }

    #[test]
    fn the_end_and_bad_input() {
        assert_eq!(Line::default().type_bytes(b"\x04"), [Done::End]);
        assert_eq!(Line::default().type_bytes(b"a\x04"), []);
        let entered = Done::Entered("\u{fffd}x\n".to_owned());
        assert_eq!(Line::default().type_bytes(b"\xffx\r"), [entered]);
    }

    #[test]
    fn a_long_line_scrolls() {
        let mut line = Line::default();
        line.type_bytes("你好abc".as_bytes());
        assert_eq!(line.visible(10), ("你好abc".to_owned(), 7));
        assert_eq!(line.visible(4), ("abc".to_owned(), 3));
        line.type_bytes(b"\x01");
        assert_eq!(line.visible(5), ("你好a".to_owned(), 0));
    }
}
