//! What the friend says to what.

use std::collections::HashSet;
use std::sync::Arc;

use crate::engine::pattern::index::Index;
use crate::engine::pattern::input::{Said, Sentence};
use crate::engine::pattern::language::Language;
use crate::engine::pattern::lint;
use crate::engine::pattern::parse;
use crate::engine::pattern::respond::Talk;
use crate::engine::pattern::template::Template;
use crate::engine::pattern::word_pattern::Pattern;
use crate::engine::{self, Engine};
use crate::problem::{Problem, ScriptError};

/// Patterns and replies of a friend.
///
/// A script is a TOML document with the lists `greeting`, `farewell`, `silence` (answers to an
/// empty line) and `otherwise` (to what no rule knows), the words that `quit`, the `language`, a
/// table `[synonyms]`, and tables `[[rule]]` in the order they are tried and `[[topic]]`. A rule
/// has `patterns`, regular expressions that are searched for between whole words of a sentence in
/// any case; and `replies`, in which `{1}` is the first part captured, turned round.
///
/// A sentence is matched without what joins it to others ("and", "well,"), without closing
/// courtesies and questions ("please", "aren't you?"), and up to a comma with a new clause behind.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) language: &'static dyn Language,
    pub(crate) greeting: Replies,
    pub(crate) farewell: Replies,
    pub(crate) silence: Replies,
    pub(crate) otherwise: Replies,
    pub(crate) rules: Vec<Rule>,
    pub(crate) topics: Vec<Topic>,
    pub(crate) quit: HashSet<String>, // folded
    pub(crate) names: Vec<String>,    // of what is learnt
    pub(crate) unused: Vec<Problem>,  // what is written down and never used
    pub(crate) index: Index,
    pub(crate) places: Vec<(u16, u16)>, // the rule and the place in it, by number in the index
}

/// A rule that may know a sentence.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) rule: u16,
    pub(crate) sentence: u16,
    pub(crate) pattern: u16, // by its place in the rule, which may have none
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) line: usize,
    pub(crate) patterns: Vec<Pattern>, // none: whatever is said
    pub(crate) question: bool,         // only what is asked
    pub(crate) weak: bool,             // only if there is nothing to come back to
    pub(crate) capital: bool,          // only what has a capital letter in its first part
    pub(crate) within: Option<usize>,  // only while the talk is about this topic
    pub(crate) topic: Option<usize>,   // what the talk is about then
    pub(crate) learn: Option<usize>,   // what the first part tells, by its place in `names`
    pub(crate) remember: Replies,      // what is told later, to come back to it; may be none
    pub(crate) replies: Replies,
}

/// What a talk may be about for some turns.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) turns: u8,
    pub(crate) replies: Replies, // to what no rule knows, meanwhile
}

/// Replies to choose from, numbered through the whole script.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) first: usize,
    pub(crate) templates: Vec<Template>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// All that makes it unusable: TOML that is none, a key that is not known, a pattern that is
    /// none or too big, too many patterns, a reply that asks for a part that is not captured or for
    /// what is never learnt, a list without the replies it needs, a topic that is not there.
    pub(crate) fn parse(text: &str) -> Result<Self, ScriptError> {
        let script = parse::compile(text)?;
        script.language.prepare();
        Ok(script)
    }

    /// The rules that may know one of the sentences, by the patterns that may match, in the order of
    /// the rules. Of those of one rule, the first sentences come first.
    pub(crate) fn candidates(&self, sentences: &[Sentence<'_>]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (sentence, said) in (0..).zip(sentences) {
            let numbers = self.index.candidates(said.folded.text());
            candidates.extend(numbers.iter().map(|number| {
                let (rule, pattern) = self.places[number];
                Candidate {
                    rule,
                    sentence,
                    pattern,
                }
            }));
        }
        candidates.sort_by_key(|candidate| candidate.rule); // and else as they are
        candidates
    }

    /// Whether this line, as a whole, ends the conversation.
    pub(crate) fn is_farewell(&self, said: &Said) -> bool {
        self.quit.contains(said.as_one().text())
    }
}

impl Engine for Script {
    fn begin(self: Arc<Self>, seed: u64) -> Box<dyn engine::Talk> {
        Box::new(Talk::new(self, seed))
    }

    fn rules(&self) -> usize {
        self.rules.len()
    }

    fn lint(&self) -> Vec<Problem> {
        lint::lint(self)
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
    fn refused(change: (&str, &str), expected: &str) {
        assert!(SMALL.contains(change.0), "there is something to change");
        let changed = SMALL.replacen(change.0, change.1, 1);
        let error = Script::parse(&changed).expect_err("it is refused");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_friend_can_be_read() {
        let script = Script::parse(include_str!("../../../../../data/eliza/friend.toml"));
        let script = script.expect("it is well formed");
        assert!(25 < script.rules.len());
        assert!(8 <= script.otherwise.templates.len());
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_line() {
        assert!(Script::parse(SMALL).is_ok());
        refused(
            ("quit = [\"Quit\"]", "quit = [\"Quit\""),
            "7:1: missing comma between array elements, expected `,`",
        );
        refused(
            ("quit", "quitt"),
            "1:1: missing field `quit`\n6:1: unknown field `quitt`, expected one of `language`, `greeting`, `farewell`, `silence`, `otherwise`, `quit`, `synonyms`, `topic`, `rule`",
        );
        refused(
            ("quit = [\"Quit\"]", "quit = []"),
            "6:8: without a word to quit, no conversation ends",
        );
        refused(
            ("otherwise = [\"Go on.\", \"I see.\"]", ""),
            "1:1: missing field `otherwise`",
        );
        refused(
            ("\"I see.\"", "\"Go on.\""),
            "5:13: at least 2 different that need nothing learnt are expected",
        );
        refused(("[\"How are you?\"]", "[]"), "2:12: a reply is missing");
        refused(
            ("\"Why {1}?\"", "\"Why {2}?\""),
            "9:12: '{2}' in a reply, but a pattern captures 1",
        );
        refused(
            ("give me (.+)", "give me"),
            "9:12: '{1}' in a reply, but a pattern captures 0",
        );
        refused(
            ("i need (.+)", "i need (.+"),
            "8:13: not a pattern: unclosed group",
        );
        refused(
            ("i need (.+)", "(a{1000}){1000}"),
            "8:13: the pattern is too big: more than 256 KiB when compiled",
        );
        refused(
            ("question = true\n", ""),
            "10:1: a rule without patterns is for questions alone or within a topic: question = true",
        );
        let many = SMALL.replace("\"give me (.+)\"", &"'x(.)',\n".repeat(1000));
        let many = Script::parse(&many).expect_err("it is refused");
        assert_eq!(
            many.to_string(),
            "1007:1: a script has at most 1000 patterns"
        );
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let changed = SMALL
            .replacen("i need (.+)", "i need (.+", 1)
            .replacen("question", "questions", 1)
            .replacen("[\"How are you?\"]", "7", 1)
            .replacen("silence", "silences", 1);
        let error = Script::parse(&changed).expect_err("it is refused");
        let told: Vec<_> = error.problems().iter().map(Problem::to_string).collect();
        let kinds = [
            "missing",
            "invalid type",
            "unknown field `silences`",
            "not a pattern",
            "unknown field `questions`",
        ];
        let lines = told
            .iter()
            .zip(kinds)
            .filter(|(told, kind)| told.contains(kind));
        assert_eq!((lines.count(), told.len()), (5, 5), "{told:?}");
    }

    #[test]
    fn what_is_far_too_much_is_refused_soon() {
        let head = SMALL
            .split("[[rule]]")
            .next()
            .expect("there is a first part");
        let [topics, names] = [
            (0..30_000)
                .map(|n| format!("{{name='t{n}',replies=['a']}},"))
                .collect::<String>(),
            (0..990)
                .map(|n| format!("[[rule]]\nlearn='n{n}'\npatterns=['(a)']\nreplies=['a']\n"))
                .collect(),
        ];
        let lines = "'a',".repeat(100_000);
        let lists = head.replacen("\"Go on.\"", &format!("{lines}\"Go on.\""), 1) + &names;
        assert!(Script::parse(&lists).is_ok(), "much is allowed");
        for (much, expected) in [
            (
                format!("rule = [{}]", "{replies=[]},".repeat(70_000)),
                "a reply is missing",
            ),
            (
                format!("topic = [{topics}]"),
                "a script has at most 1000 topics",
            ),
            ("x = 1\n".repeat(50_000), "duplicate key"),
        ] {
            let error = Script::parse(&format!("{much}\n{head}")).expect_err("it is refused");
            assert!(error.problems().len() <= 100);
            let told = error
                .problems()
                .iter()
                .any(|problem| problem.what.contains(expected));
            assert!(told, "{error}");
        }
        let synonyms = format!("{head}[synonyms]\na = ['{}']\n", "word ".repeat(20_000));
        let used = "[[rule]]\npatterns = ['<a>']\nreplies = ['A', 'B']\n".repeat(900);
        let error = Script::parse(&format!("{synonyms}{used}")).expect_err("it is refused");
        assert!(error.problems()[0].what.contains("too long"), "{error}");
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
                for problem in error.problems() {
                    prop_assert!((1..=1 + text.lines().count()).contains(&problem.line));
                    prop_assert!(!problem.what.contains('\n'));
                }
            }
        }
    }
}
