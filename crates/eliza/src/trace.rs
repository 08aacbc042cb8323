//! The steps that led to a reply, as data.

mod display;
mod steps;

use serde::Serialize;

pub(crate) use steps::Steps;

/// The steps from a line to its reply.
///
/// `Display` prints lines of at most 78 columns, escapes control characters and cuts long texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The input line.
    pub line: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The number of steps that were not recorded because the size limit was reached.
    pub left_out: usize,
    /// The reply.
    pub reply: String,
    /// Where the reply came from.
    pub source: Source,
    /// The remembered texts after this reply, the oldest first.
    pub memory: Vec<String>,
}

impl Trace {
    /// The default limit for the recorded steps, in bytes: some hundred steps with tens of words
    /// each.
    pub const MAX_BYTES: usize = 256 * 1024;
}

/// One step on the way to a reply. Lines are those of the script, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The line, or a sentence of it, was read as these words.
    Read {
        /// In normalized spelling.
        words: Vec<String>,
    },
    /// 1966: the counter from 1 to 4. A memory is recalled only at 4.
    Limit {
        /// Its value for this reply.
        limit: u8,
    },
    /// A word was replaced before any rule was tried.
    Substituted {
        /// The word in the input.
        word: String,
        /// Its replacement.
        by: String,
    },
    /// A clause was discarded.
    Discarded {
        /// Its words.
        words: Vec<String>,
    },
    /// The words that have rules, in the order in which they are tried.
    Keywords {
        /// The first is tried first.
        stack: Vec<Keyword>,
    },
    /// A pattern of a rule matched.
    Matched {
        /// The keyword of the rule, or its topic; `None` if it has neither.
        keyword: Option<String>,
        /// The line of the rule.
        line: usize,
        /// The pattern, as in the script.
        pattern: String,
        /// The text that each part matched.
        parts: Vec<String>,
        /// The chosen reply template, as in the script.
        reply: String,
    },
    /// No pattern of this rule matched.
    Unmatched {
        /// The keyword of the rule.
        keyword: String,
        /// The line of the rule.
        line: usize,
    },
    /// The rule of another keyword is tried next.
    Referred {
        /// That keyword.
        to: String,
    },
    /// The words were replaced before a reference was followed.
    Rewritten {
        /// The new words.
        words: Vec<String>,
    },
    /// The rule was given up for that of the next keyword.
    NewKey,
    /// A text was remembered.
    Remembered {
        /// The text, as it would be recalled.
        text: String,
    },
    /// The keyword of MEMORY was found, but its pattern did not match.
    NotRemembered {
        /// That pattern, as in the script.
        pattern: String,
    },
    /// Something about the person was learnt, such as the name.
    Learnt {
        /// Its name in reply templates.
        what: String,
        /// Its value.
        value: String,
    },
    /// The conversation entered or continued this topic.
    Topic {
        /// Its name in the script.
        name: String,
    },
}

/// A word that has a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Keyword {
    /// The word in the input.
    pub word: String,
    /// Keywords with a higher precedence are tried first.
    pub precedence: u32,
}

/// Where a reply came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// A rule that matched the input.
    Rule,
    /// A remembered text.
    Memory,
    /// The current topic: no rule matched.
    Topic,
    /// The fallback, as no rule matched: the rule NONE, `xnone`, `otherwise`.
    Fallback,
    /// 1966: no pattern of the keyword matched.
    NoMatch,
    /// The line was empty.
    Silence,
    /// The input was a farewell, and the conversation has ended.
    Farewell,
    /// A limit was reached: the script did not terminate, or its reply became too long.
    Exhausted,
}
