//! The interface of an engine: one per script format.

pub(crate) mod doctor1966;
pub(crate) mod hayden;
pub(crate) mod pattern;

use std::fmt::Debug;
use std::sync::Arc;

use crate::problem::Problem;
use crate::trace::{Source, Steps};

/// A parsed script, shared by any number of conversations.
pub(crate) trait Engine: Debug + Send + Sync {
    /// Starts a conversation. Equal seeds give equal conversations.
    fn begin(self: Arc<Self>, seed: u64) -> Box<dyn Responder>;

    /// The number of rules.
    fn rules(&self) -> usize;

    /// Warnings: valid, but probably unintended. In the order of the script's lines.
    fn lint(&self) -> Vec<Problem>;
}

/// The state of one conversation.
pub(crate) trait Responder: Debug + Send {
    /// The greeting, if the script has one.
    fn greet(&mut self) -> Option<String>;

    /// Answers a line and records the steps that led to the answer.
    fn respond(&mut self, line: &str, steps: &mut Steps) -> Answer;

    /// The farewell, if the script has one.
    fn farewell(&mut self) -> Option<String>;

    /// The remembered texts, the oldest first.
    fn memory(&self) -> Vec<String>;
}

/// The answer to one line.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) source: Source,
}

impl Answer {
    pub(crate) fn new(text: impl Into<String>, source: Source) -> Self {
        Self {
            text: text.into(),
            source,
        }
    }
}
