//! One conversation, for every script format.

use crate::engine::{Answer, Responder};
use crate::script::Script;
use crate::trace::{Source, Steps, Trace};

/// A conversation with one person. Conversations share the script and nothing else.
#[derive(Debug)]
pub struct Conversation(Box<dyn Responder>);

/// The answer to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// One line, without a line end.
    pub text: String,
    /// Whether the conversation has ended: the input was a farewell.
    pub last: bool,
}

impl Conversation {
    /// Starts a conversation. The same seed and input give the same replies.
    #[must_use]
    pub fn new(script: &Script, seed: u64) -> Self {
        Self(script.begin(seed))
    }

    /// The greeting; `None` if the script has none.
    pub fn greet(&mut self) -> Option<String> {
        self.0.greet()
    }

    /// The farewell, for when the peer closes or a timeout ends the conversation; `None` if the
    /// script has none, like those of 1966.
    pub fn farewell(&mut self) -> Option<String> {
        self.0.farewell()
    }

    /// Answers a line.
    pub fn reply(&mut self, line: &str) -> Reply {
        self.0.respond(line, &mut Steps::default()).into()
    }

    /// Like [`reply`], and returns how the reply was found. Steps beyond [`Trace::MAX_BYTES`] are
    /// counted but not recorded.
    ///
    /// [`reply`]: Self::reply
    pub fn reply_traced(&mut self, line: &str) -> (Reply, Trace) {
        self.reply_traced_within(line, Trace::MAX_BYTES)
    }

    /// Like [`reply_traced`](Self::reply_traced), with a limit in bytes for the recorded steps. A
    /// script that computes may take thousands of steps.
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
