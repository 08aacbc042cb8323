//! How a reply came about, as data.

mod display;
mod steps;

use serde::Serialize;

pub(crate) use steps::Steps;

/// All that led from a line to its reply.
///
/// It is shown in lines of at most 78 columns, with nothing in them that acts on a terminal; what is
/// long is cut there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// What was said.
    pub line: String,
    /// What was done with it, in order.
    pub steps: Vec<Step>,
    /// How many more steps there were, for which there was no room.
    pub left_out: usize,
    /// What was answered.
    pub reply: String,
    /// Where that came from.
    pub source: Source,
    /// What is remembered now, to come back to it later; the oldest first.
    pub memory: Vec<String>,
}

impl Trace {
    /// How much memory the steps of a trace take at most, unless more is asked for: some hundreds of
    /// steps with tens of words each.
    pub const MAX_BYTES: usize = 256 * 1024;
}

/// One step on the way to a reply. Lines are those of the script, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The line, or a sentence of it, was read as these words.
    Read {
        /// In the spelling in which they are looked up.
        words: Vec<String>,
    },
    /// The counter of 1966, from 1 to 4, that decides when a memory is told.
    Limit {
        /// Its value for this reply.
        limit: u8,
    },
    /// A word was replaced before anything else.
    Substituted {
        /// As it was said.
        word: String,
        /// What stands there now.
        by: String,
    },
    /// A clause was thrown away.
    Discarded {
        /// Its words.
        words: Vec<String>,
    },
    /// The words that have rules, in the order in which they are tried.
    Keywords {
        /// The best first.
        stack: Vec<Keyword>,
    },
    /// A pattern of a rule fitted.
    Matched {
        /// The keyword of the rule, or its topic; nothing if it has neither.
        keyword: Option<String>,
        /// Where the rule stands.
        line: usize,
        /// The pattern, as in the script.
        pattern: String,
        /// What its parts stood for.
        parts: Vec<String>,
        /// The reply that was chosen, as in the script.
        reply: String,
    },
    /// No pattern of this rule fitted.
    Unmatched {
        /// The keyword of the rule.
        keyword: String,
        /// Where the rule stands.
        line: usize,
    },
    /// The rule of another keyword is tried instead.
    Referred {
        /// That keyword.
        to: String,
    },
    /// The words were replaced before a reference was followed.
    Rewritten {
        /// The new ones.
        words: Vec<String>,
    },
    /// The keyword was given up for the next best.
    NewKey,
    /// A sentence was put into the memory.
    Remembered {
        /// As it will be told.
        text: String,
    },
    /// The keyword of the memory was there, but its pattern did not fit.
    NotRemembered {
        /// That pattern, as in the script.
        pattern: String,
    },
    /// Something about the person was learnt, such as the name.
    Learnt {
        /// What it is called in replies.
        what: String,
        /// What it is.
        value: String,
    },
    /// The talk is about this topic now.
    Topic {
        /// Its name in the script.
        name: String,
    },
}

/// A word that has a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Keyword {
    /// As it was said.
    pub word: String,
    /// The higher, the sooner it is tried.
    pub precedence: u32,
}

/// Where a reply came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// A rule for what was said.
    Rule,
    /// Something remembered from before.
    Memory,
    /// The topic of the talk, as no rule knew the line.
    Topic,
    /// What is said if no rule knows the line: the rule NONE, `xnone`, `otherwise`.
    Fallback,
    /// 1966: a keyword had no pattern that fitted.
    NoMatch,
    /// The line was empty.
    Silence,
    /// It was a farewell, and the conversation is over.
    Farewell,
    /// The script went round without an end, or made too much of the line.
    Exhausted,
}
