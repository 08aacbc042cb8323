//! A script: what the friend says to what, read from TOML.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use crate::pattern::Pattern;
use crate::said::{Said, Sentence};
use crate::template::Template;
use crate::{trimmings, written};

/// Patterns and replies, compiled once and shared by any number of conversations.
///
/// A script is a TOML document with the lists `greeting`, `farewell`, `silence` (answers to an
/// empty line) and `otherwise` (to what no rule knows), the words that `quit`, and tables
/// `[[rule]]` in the order they are tried. A rule has `patterns`, regular expressions that are
/// searched for between whole words of a sentence in any case; `question = true` if it is for
/// questions alone; and `replies`, in which `{1}` is the first part captured, turned round.
///
/// A sentence is matched without what joins it to others ("and", "well,"), without closing
/// courtesies and questions ("please", "aren't you?"), and up to a comma with a new clause behind.
#[derive(Debug)]
pub struct Script {
    pub(crate) greeting: Replies,
    pub(crate) farewell: Replies,
    pub(crate) silence: Replies,
    pub(crate) otherwise: Replies,
    pub(crate) rules: Vec<Rule>,
    pub(crate) quit: HashSet<String>, // in lower case
}

/// Why a script cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ScriptError {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) patterns: Vec<Pattern>, // none: whatever is said
    pub(crate) question: bool,
    pub(crate) replies: Replies,
}

/// Replies to choose from, numbered through the whole script.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) first: usize,
    pub(crate) templates: Vec<Template>,
}

impl Script {
    /// The longest script that is read.
    pub const MOST_BYTES: usize = 1024 * 1024;

    /// The built-in friend.
    #[must_use]
    pub fn friend() -> Arc<Self> {
        static FRIEND: LazyLock<Arc<Script>> = LazyLock::new(|| {
            let script = Script::parse(include_str!("../../../data/eliza/friend.toml"));
            Arc::new(script.expect("a test reads the built-in script"))
        });
        Arc::clone(&FRIEND)
    }

    /// Reads a script.
    ///
    /// # Errors
    ///
    /// The first thing that makes it unusable, with its line: more than [`MOST_BYTES`], bytes that
    /// are no UTF-8, TOML that is none, a key that is not known, a pattern that is none or too big,
    /// too many patterns, a reply that asks for a part that is not captured, a list without the
    /// replies it needs.
    ///
    /// [`MOST_BYTES`]: Self::MOST_BYTES
    pub fn parse(script: impl AsRef<[u8]>) -> Result<Self, ScriptError> {
        trimmings::prepare();
        written::compile(script.as_ref())
    }

    /// Whether this line, as a whole, ends the conversation.
    pub(crate) fn is_farewell(&self, said: &Said) -> bool {
        self.quit.contains(&said.as_one())
    }
}

impl ScriptError {
    /// The line of the script, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is wrong there, in one line.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Rule {
    /// The parts that the first of its patterns to match captures of `sentence`.
    pub(crate) fn capture(&self, sentence: Sentence<'_>) -> Option<Vec<String>> {
        if self.question && !sentence.is_question {
            return None;
        }
        if self.patterns.is_empty() {
            return Some(Vec::new());
        }
        self.patterns
            .iter()
            .find_map(|pattern| pattern.capture(sentence.text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: &str = r#"
greeting = ["How are you?"]
farewell = ["Bye."]
silence = ["Hm?", "Yes?"]
otherwise = ["Go on.", "I see."]
quit = ["Quit"]
[[rule]]
patterns = ["i need (.+)", "give me (.+)"]
replies = ["Why {1}?"]
[[rule]]
question = true
replies = ["Why do you ask?"]
"#;

    #[track_caller]
    fn refused(change: (&str, &str), line: usize, reason: &str) {
        assert!(SMALL.contains(change.0), "there is something to change");
        let error =
            Script::parse(SMALL.replacen(change.0, change.1, 1)).expect_err("it is refused");
        assert_eq!((error.line(), error.reason()), (line, reason));
    }

    #[test]
    fn the_friend_can_be_read() {
        let script = Script::friend();
        assert!(25 < script.rules.len());
        assert!(8 <= script.otherwise.templates.len());
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_line() {
        assert!(Script::parse(SMALL).is_ok());
        refused(
            ("quit = [\"Quit\"]", "quit = [\"Quit\""),
            7,
            "missing comma between array elements, expected `,`",
        );
        refused(
            ("quit", "quitt"),
            6,
            "unknown field `quitt`, expected one of `greeting`, `farewell`, `silence`, `otherwise`, `quit`, `rule`",
        );
        refused(
            ("quit = [\"Quit\"]", "quit = []"),
            6,
            "without a word to quit, no conversation ends",
        );
        refused(
            ("otherwise = [\"Go on.\", \"I see.\"]", ""),
            1,
            "missing field `otherwise`",
        );
        refused(
            ("\"I see.\"", "\"Go on.\""),
            5,
            "two different replies are needed",
        );
        refused(("[\"How are you?\"]", "[]"), 2, "a reply is missing");
        refused(
            ("\"Why {1}?\"", "\"Why {2}?\""),
            9,
            "'{2}' in a reply, but a pattern captures 1",
        );
        refused(
            ("give me (.+)", "give me"),
            9,
            "'{1}' in a reply, but a pattern captures 0",
        );
        refused(
            ("i need (.+)", "i need (.+"),
            8,
            "not a pattern: unclosed group",
        );
        refused(
            ("i need (.+)", "(a{1000}){1000}"),
            8,
            "the pattern is too big: more than 256 KiB when compiled",
        );
        refused(
            ("question = true\n", ""),
            10,
            "a rule without patterns is for questions alone: question = true",
        );
        let long = Script::parse("#".repeat((1 << 20) + 1)).expect_err("it is refused");
        assert_eq!(long.to_string(), "line 1: a script is at most 1024 KiB");
        let many = SMALL.replace("\"give me (.+)\"", &"'x(.)',\n".repeat(500));
        let many = Script::parse(many).expect_err("it is refused");
        assert_eq!(
            many.to_string(),
            "line 507: a script has at most 500 patterns"
        );
        let foreign = Script::parse(b"greeting = [\n'\xe4']").expect_err("it is refused");
        assert_eq!(foreign.to_string(), "line 2: not UTF-8");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text: String) {
            drop(Script::parse(&text));
        }

        #[test]
        fn no_change_breaks_more_than_the_script(at in 0..SMALL.len(), length in 0..9usize, put in "[\\PC\n]{0,3}") {
            let mut text = SMALL.to_owned();
            text.replace_range(at..(at + length).min(SMALL.len()), &put);
            if let Err(error) = Script::parse(&text) {
                prop_assert!(error.line() <= 1 + text.lines().count());
                prop_assert!(!error.reason().contains('\n'));
            }
        }
    }
}
