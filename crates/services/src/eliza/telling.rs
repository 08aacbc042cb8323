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

/// Words that are no reply, such as a greeting, as they are told.
pub(super) fn words(telling: Telling, words: &str, source: &str) -> String {
    match telling {
        Telling::Json => serde_json::json!({ "reply": words, "source": source }).to_string(),
        Telling::Replies | Telling::Trace | Telling::Steps => words.to_owned(),
    }
}

/// A turn as it is told in one piece.
pub(super) fn turn(telling: Telling, trace: &Trace) -> String {
    match telling {
        Telling::Json => serde_json::to_string(trace).expect("a trace is texts and numbers"),
        Telling::Trace => {
            let mut shown = String::new();
            for line in trace.to_string().lines() {
                shown += &format!("  {line}\n"); // apart from what is said
            }
            shown + &trace.reply
        }
        Telling::Replies | Telling::Steps => trace.reply.clone(),
    }
}

/// The steps of a turn as lines, and its reply at the end. There may be more of them than an outbox
/// holds.
pub(super) struct Watched {
    steps: vec::IntoIter<Step>,
    left_out: usize,
    reply: Option<String>,
    words: String,
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
            words: String::new(),
            whole: format == Format::Classic,
        };
        (reply, watched)
    }
}

impl Iterator for Watched {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        for step in self.steps.by_ref() {
            let rule = match step {
                Step::Read { words } | Step::Rewritten { words } => {
                    self.words = words.join(" ");
                    continue;
                }
                Step::Matched {
                    keyword,
                    line,
                    parts,
                    ..
                } => {
                    if self.whole {
                        let parts = parts.iter().filter(|part| !part.is_empty());
                        self.words = parts.map(String::as_str).collect::<Vec<_>>().join(" ");
                    }
                    keyword.unwrap_or_else(|| line.to_string())
                }
                Step::Unmatched { keyword, .. } => keyword,
                _ => continue,
            };
            return Some(format!("{} :{rule}", self.words));
        }
        match mem::take(&mut self.left_out) {
            0 => self.reply.take(),
            more => Some(format!("(and {more} steps more)")),
        }
    }
}

/// A trace as a peer is shown it who asks: it was kept since, and so it is short.
pub(super) fn short(trace: &Trace) -> String {
    let mut short = Short(String::new());
    if write!(short, "{trace}").is_err() {
        let whole = short.0.rfind('\n').unwrap_or(0);
        short.0.truncate(whole);
        short.0.push_str("\n…");
    }
    short.0
}

/// Text that takes no more than so much.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if MOST_KEPT_BYTES < self.0.len() + text.len() {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// The name of where words come from, as in JSON.
pub(super) const GREETING: &str = "greeting";
pub(super) const FAREWELL: &str = "farewell";
pub(super) const COMMAND: &str = "command";

const MOST_WATCHED_BYTES: usize = 64 * 1024 * 1024; // some ten thousand steps with a hundred words
const MOST_KEPT_BYTES: usize = 4 * 1024; // two screens, for each of a thousand peers
