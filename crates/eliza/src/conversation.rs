//! One conversation, whatever the kind of its script.

use crate::engine::{Answer, Responder};
use crate::script::Script;
use crate::trace::{Source, Steps, Trace};

/// A conversation with one person. It shares its script, and nothing else, with other
/// conversations.
#[derive(Debug)]
pub struct Conversation(Box<dyn Responder>);

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// One line, without its end.
    pub text: String,
    /// It was a farewell: the conversation is over.
    pub last: bool,
}

impl Conversation {
    /// Begins a conversation. With equal seeds, equal words get equal replies.
    #[must_use]
    pub fn new(script: &Script, seed: u64) -> Self {
        Self(script.begin(seed))
    }

    /// The words to open with; `None` if the script has none.
    pub fn greet(&mut self) -> Option<String> {
        self.0.greet()
    }

    /// The words to part with, when the other has gone or there is no time left; `None` if the
    /// script has none, as those of 1966.
    pub fn farewell(&mut self) -> Option<String> {
        self.0.farewell()
    }

    /// Answers a line.
    pub fn reply(&mut self, line: &str) -> Reply {
        self.0.respond(line, &mut Steps::default()).into()
    }

    /// Answers a line as [`reply`] does, and tells how it came to that, as far as
    /// [`Trace::MAX_BYTES`] hold it.
    ///
    /// [`reply`]: Self::reply
    pub fn reply_traced(&mut self, line: &str) -> (Reply, Trace) {
        self.reply_traced_within(line, Trace::MAX_BYTES)
    }

    /// The same, as far as so many bytes hold it: a script that computes may take thousands of
    /// steps.
    pub fn reply_traced_within(&mut self, line: &str, bytes: usize) -> (Reply, Trace) {
        let mut steps = Steps::within(bytes);
        let answer = self.0.respond(line, &mut steps);
        let trace = Trace {
            line: line.to_owned(),
            left_out: steps.left_out(),
            steps: steps.into_vec(),
            reply: answer.text.clone(),
            source: answer.source,
            memory: self.0.memory(),
        };
        (answer.into(), trace)
    }
}

impl From<Answer> for Reply {
    fn from(Answer { text, source }: Answer) -> Self {
        Self {
            text,
            last: source == Source::Farewell,
        }
    }
}
