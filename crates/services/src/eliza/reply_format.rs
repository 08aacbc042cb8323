//! The format of a reply: its text alone, or with the steps that led to it.

use std::mem;
use std::vec;

use switchboard_eliza::{Conversation, Format, Reply, Step, Trace};
use switchboard_files::counted;

/// What a peer is sent for each reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyFormat {
    /// The text of the reply.
    #[default]
    Plain,
    /// The trace as indented text, and then the reply.
    Trace,
    /// The trace and the reply as one JSON object on a line. Other messages are objects too.
    Json,
    /// A line for each rule that was tried, with the current words and the keyword, and then the
    /// reply. It shows what a script computes.
    Steps,
}

impl ReplyFormat {
    /// A message that is not the reply to a line, such as a greeting. In JSON, `source` is its kind.
    #[must_use]
    pub fn message(self, text: &str, source: &str) -> String {
        match self {
            Self::Json => serde_json::json!({ "reply": text, "source": source }).to_string(),
            Self::Plain | Self::Trace | Self::Steps => text.to_owned(),
        }
    }
}

/// A reply with its trace, in one message that fits into an outbox.
pub(super) fn with_trace(format: ReplyFormat, trace: Trace) -> String {
    match format {
        ReplyFormat::Json => json(trace),
        ReplyFormat::Trace => {
            let shown = truncated(&trace, MAX_MESSAGE_BYTES);
            let indented = |line| format!("  {line}\n");
            shown.lines().map(indented).collect::<String>() + &trace.reply
        }
        ReplyFormat::Plain | ReplyFormat::Steps => trace.reply,
    }
}

/// A trace as a JSON object, without its steps if they are too long.
fn json(mut trace: Trace) -> String {
    let object =
        |trace: &Trace| serde_json::to_string(trace).expect("a trace is texts and numbers");
    let whole = object(&trace);
    if whole.len() <= MAX_MESSAGE_BYTES {
        return whole;
    }
    trace.left_out += mem::take(&mut trace.steps).len();
    object(&trace)
}

/// The lines of [`ReplyFormat::Steps`]. They may be longer than an outbox.
#[derive(Default)]
pub(super) struct StepLines {
    steps: vec::IntoIter<Step>,
    left_out: usize,
    reply: Option<String>,
    words: Vec<String>,
    keywords: vec::IntoIter<String>, // not tried yet
    current: Option<String>,         // the keyword being tried, until its line is produced
    replaced: usize,                 // the index after the last word that was replaced
    parts_are_all_words: bool,       // a pattern matches the whole input, as in the scripts of 1966
}

impl StepLines {
    /// Replies to a line, with the lines of its steps.
    pub(super) fn reply(
        conversation: &mut Conversation,
        line: &str,
        format: Format,
    ) -> (Reply, Self) {
        let (reply, trace) = conversation.reply_traced_within(line, MAX_TRACE_BYTES);
        let lines = Self {
            steps: trace.steps.into_iter(),
            left_out: trace.left_out,
            reply: Some(trace.reply),
            parts_are_all_words: format == Format::Doctor1966,
            ..Self::default()
        };
        (reply, lines)
    }

    /// Repeats a step on the words. Returns the rule that it tried, if any.
    fn apply(&mut self, step: Step) -> Option<String> {
        match step {
            Step::Read { words } | Step::Rewritten { words } => {
                self.words = words;
                self.replaced = 0;
            }
            Step::Substituted { word, by } => {
                let mut rest = self.words.iter().skip(self.replaced);
                if let Some(at) = rest.position(|own| *own == word) {
                    self.words[self.replaced + at] = by;
                    self.replaced += at + 1;
                }
            }
            Step::Discarded { words } if self.words.starts_with(&words) => {
                self.words.drain(..words.len());
                self.replaced = self.replaced.saturating_sub(words.len());
            }
            Step::Discarded { words } => {
                let kept = self.words.len().saturating_sub(words.len());
                self.words.truncate(kept);
            }
            Step::Keywords { stack } => {
                let words: Vec<String> = stack.into_iter().map(|keyword| keyword.word).collect();
                self.keywords = words.into_iter();
                self.try_next_keyword();
            }
            Step::NewKey => self.try_next_keyword(),
            // A rule that refers to another one produces a line without a match.
            Step::Referred { to } => return self.current.replace(to),
            Step::Matched {
                keyword,
                line,
                parts,
                ..
            } => {
                self.current = None;
                if self.parts_are_all_words {
                    self.words = parts;
                }
                return Some(keyword.unwrap_or_else(|| line.to_string()));
            }
            Step::Unmatched { keyword, .. } => {
                self.current = None;
                return Some(keyword);
            }
            _ => (),
        }
        None
    }

    fn try_next_keyword(&mut self) {
        self.current = self.keywords.next().or_else(|| Some("NONE".to_owned()));
    }
}

impl Iterator for StepLines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while let Some(step) = self.steps.next() {
            if let Some(rule) = self.apply(step) {
                let words = self.words.iter().map(String::as_str);
                let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
                return Some(format!("{} :{rule}", words.join(" ")));
            }
        }
        match mem::take(&mut self.left_out) {
            0 => self.reply.take(),
            more => Some(format!("(and {} more)", counted(more as u64, "step"))),
        }
    }
}

/// A trace as it is stored for the command `*why`.
pub(super) fn stored(trace: &Trace) -> String {
    truncated(trace, MAX_STORED_BYTES)
}

/// The lines of a trace that fit into `max` bytes.
fn truncated(trace: &Trace, max: usize) -> String {
    let mut text = trace.to_string();
    if max < text.len() {
        let fitting = &text[..text.floor_char_boundary(max)];
        text.truncate(fitting.rfind('\n').unwrap_or(0));
        text.push_str("\n…");
    }
    text
}

const MAX_TRACE_BYTES: usize = 64 * 1024 * 1024; // ten thousand steps of a hundred words
const MAX_MESSAGE_BYTES: usize = 128 * 1024; // of one message in an outbox
const MAX_STORED_BYTES: usize = 4 * 1024; // two screens; there may be a thousand peers

#[cfg(test)]
mod tests {
    use switchboard_eliza::Script;

    use super::*;

    /// The lines of the steps by which a script answers a line.
    #[track_caller]
    fn check(script: &str, line: &str, expected: &[&str]) {
        let script = Script::load(script).expect("a valid script");
        let mut conversation = Conversation::new(&script, 1);
        let (_, lines) = StepLines::reply(&mut conversation, line, script.format());
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    const DOCTOR1966: &str = "(HELLO)\n\
        (A (=B))\n(B (=C))\n(C ((0 A 0) (=D)) ((0) (C SAYS 1)))\n(D ((0) (D SAYS 1)))\n\
        (E ((0) (NEWKEY)))\n(F = A 5 (=B))\n(G ((0) (PRE (G A) (=A))))\n\
        (NONE ((0) (WHAT)))\n(MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))\n";

    #[test]
    fn each_tried_keyword_has_a_line() {
        check(
            DOCTOR1966,
            "x a",
            &["X A :A", "X A :B", "X A :C", "X A :D", "D SAYS X A"],
        );
        check(DOCTOR1966, "b", &["B :B", "B :C", "C SAYS B"]);
        check(
            DOCTOR1966,
            "e b",
            &["E B :E", "E B :B", "E B :C", "C SAYS E B"],
        );
        check(DOCTOR1966, "e", &["E :E", "E :NONE", "WHAT"]);
        check(
            DOCTOR1966,
            "f",
            &["A :F", "A :B", "A :C", "A :D", "D SAYS A"],
        );
        check(
            DOCTOR1966,
            "g",
            &["G :G", "G A :A", "G A :B", "G A :C", "G A :D", "D SAYS G A"],
        );
        check(DOCTOR1966, "x", &["X :NONE", "WHAT"]);
    }

    #[test]
    fn a_reference_after_a_match_has_one_line() {
        let hayden = "key: a 1\n decomp: * a *\n reasmb: goto b\nkey: b\n decomp: *\n reasmb: (1)\n\
            key: xnone\n decomp: *\n reasmb: what\n";
        check(hayden, "an a", &["an a :a", "an a :b", "an a"]);
    }
}
