//! What is told of a turn: the reply alone, or how it came about as well.

use std::fmt::{self, Write};
use std::mem;
use std::vec;

use switchboard_eliza::{Conversation, Format, Reply, Step, Trace};

/// What the friend's peer is told with each reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// The reply and nothing else.
    #[default]
    Replies,
    /// How it came about before it, for people to read.
    Trace,
    /// Both as one JSON object on a line; so are the opening and the parting words.
    Json,
    /// The words and the keyword of each step before it, on a line each: what a script computes can
    /// be watched.
    Steps,
}

impl Telling {
    /// Words that are no reply to a line, such as a greeting, as they are told; `source` says whose
    /// they are.
    #[must_use]
    pub fn words(self, words: &str, source: &str) -> String {
        match self {
            Self::Json => serde_json::json!({ "reply": words, "source": source }).to_string(),
            Self::Replies | Self::Trace | Self::Steps => words.to_owned(),
        }
    }
}

/// A turn as it is told in one piece, which an outbox holds.
pub(super) fn turn(telling: Telling, trace: Trace) -> String {
    match telling {
        Telling::Json => json(trace),
        Telling::Trace => {
            let shown = short(&trace, MOST_TOLD_BYTES);
            let apart = |line| format!("  {line}\n"); // from what is said
            shown.lines().map(apart).collect::<String>() + &trace.reply
        }
        Telling::Replies | Telling::Steps => trace.reply,
    }
}

/// A trace as an object, without its steps if they are too much.
fn json(mut trace: Trace) -> String {
    let object =
        |trace: &Trace| serde_json::to_string(trace).expect("a trace is texts and numbers");
    let whole = object(&trace);
    if whole.len() <= MOST_TOLD_BYTES {
        return whole;
    }
    trace.left_out += mem::take(&mut trace.steps).len();
    object(&trace)
}

/// The steps of a turn as lines, and its reply at the end. There may be more of them than an outbox
/// holds.
pub(super) struct Watched {
    steps: vec::IntoIter<Step>,
    left_out: usize,
    reply: Option<String>,
    words: Vec<String>,
    keywords: vec::IntoIter<String>, // those that are yet to be tried
    tried: Option<String>,           // the one that is, until it is told
    replaced: usize,                 // the place behind the last word that was replaced
    whole: bool, // the parts of a pattern are all the words, as in the scripts of 1966
}

impl Watched {
    /// Says a line, and watches what is done with it.
    pub(super) fn say(talk: &mut Conversation, line: &str, format: Format) -> (Reply, Self) {
        let (reply, trace) = talk.reply_traced_within(line, MOST_WATCHED_BYTES);
        let watched = Self {
            steps: trace.steps.into_iter(),
            left_out: trace.left_out,
            reply: Some(trace.reply),
            words: Vec::new(),
            keywords: Vec::new().into_iter(),
            tried: None,
            replaced: 0,
            whole: format == Format::Doctor1966,
        };
        (reply, watched)
    }

    /// Does with the words what this step did; returns the rule that they were given to, if any.
    fn follow(&mut self, step: Step) -> Option<String> {
        match step {
            Step::Read { words } | Step::Rewritten { words } => {
                self.words = words;
                self.replaced = 0;
            }
            Step::Substituted { word, by } => {
                let mut left = self.words.iter().skip(self.replaced);
                if let Some(at) = left.position(|own| *own == word) {
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
                self.tried = Some(self.next_keyword());
            }
            Step::NewKey => self.tried = Some(self.next_keyword()),
            // A rule that only refers to another one has matched nothing.
            Step::Referred { to } => return self.tried.replace(to),
            Step::Matched {
                keyword,
                line,
                parts,
                ..
            } => {
                self.tried = None;
                if self.whole {
                    self.words = parts;
                }
                return Some(keyword.unwrap_or_else(|| line.to_string()));
            }
            Step::Unmatched { keyword, .. } => {
                self.tried = None;
                return Some(keyword);
            }
            _ => (),
        }
        None
    }

    fn next_keyword(&mut self) -> String {
        let next = self.keywords.next();
        next.unwrap_or_else(|| "NONE".to_owned())
    }
}

impl Iterator for Watched {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while let Some(step) = self.steps.next() {
            if let Some(rule) = self.follow(step) {
                let words = self.words.iter().filter(|word| !word.is_empty());
                let words: Vec<&str> = words.map(String::as_str).collect();
                return Some(format!("{} :{rule}", words.join(" ")));
            }
        }
        match mem::take(&mut self.left_out) {
            0 => self.reply.take(),
            more => Some(format!("(and {more} steps more)")),
        }
    }
}

/// A trace as it is kept for a peer that asks.
pub(super) fn kept(trace: &Trace) -> String {
    short(trace, MOST_KEPT_BYTES)
}

/// The lines of a trace that so many bytes hold.
fn short(trace: &Trace, most: usize) -> String {
    let text = String::new();
    let mut short = Short { text, most };
    if write!(short, "{trace}").is_err() {
        let whole = short.text.rfind('\n').unwrap_or(0);
        short.text.truncate(whole);
        short.text.push_str("\n…");
    }
    short.text
}

/// Text that takes no more than so much.
struct Short {
    text: String,
    most: usize,
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.most < self.text.len() + text.len() {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// The name of where words come from, as in JSON.
pub(super) const GREETING: &str = "greeting";
pub(super) const FAREWELL: &str = "farewell";
pub(super) const COMMAND: &str = "command";

const MOST_WATCHED_BYTES: usize = 64 * 1024 * 1024; // some ten thousand steps with a hundred words
const MOST_TOLD_BYTES: usize = 128 * 1024; // what one message may need in an outbox
const MOST_KEPT_BYTES: usize = 4 * 1024; // two screens, for each of a thousand peers

#[cfg(test)]
mod tests {
    use switchboard_eliza::Script;

    use super::*;

    /// What is told of the steps by which a script answers a line.
    #[track_caller]
    fn check(script: &str, line: &str, told: &[&str]) {
        let script = Script::load(script).expect("it is one");
        let mut talk = Conversation::new(&script, 1);
        let (_, watched) = Watched::say(&mut talk, line, script.format());
        assert_eq!(watched.collect::<Vec<_>>(), told);
    }

    const CLASSIC: &str = "(HELLO)\n\
        (A (=B))\n(B (=C))\n(C ((0 A 0) (=D)) ((0) (C SAYS 1)))\n(D ((0) (D SAYS 1)))\n\
        (E ((0) (NEWKEY)))\n(F = A 5 (=B))\n(G ((0) (PRE (G A) (=A))))\n\
        (NONE ((0) (WHAT)))\n(MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))\n";

    #[test]
    fn each_keyword_is_told_whether_it_matches_or_only_refers() {
        check(
            CLASSIC,
            "x a",
            &["X A :A", "X A :B", "X A :C", "X A :D", "D SAYS X A"],
        );
        check(CLASSIC, "b", &["B :B", "B :C", "C SAYS B"]);
        check(
            CLASSIC,
            "e b",
            &["E B :E", "E B :B", "E B :C", "C SAYS E B"],
        );
        check(CLASSIC, "e", &["E :E", "E :NONE", "WHAT"]);
        check(CLASSIC, "f", &["A :F", "A :B", "A :C", "A :D", "D SAYS A"]);
        check(
            CLASSIC,
            "g",
            &["G :G", "G A :A", "G A :B", "G A :C", "G A :D", "D SAYS G A"],
        );
        check(CLASSIC, "x", &["X :NONE", "WHAT"]);
    }

    #[test]
    fn what_refers_after_a_match_is_told_once() {
        let hayden = "key: a 1\n decomp: * a *\n reasmb: goto b\nkey: b\n decomp: *\n reasmb: (1)\n\
            key: xnone\n decomp: *\n reasmb: what\n";
        check(hayden, "an a", &["an a :a", "an a :b", "an a"]);
    }
}
