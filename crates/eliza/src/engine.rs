//! What each kind of script gives: an engine, and the talks that follow it.

pub(crate) mod doctor1966;
pub(crate) mod hayden;
pub(crate) mod pattern;

use std::fmt::Debug;
use std::sync::Arc;

use crate::problem::Problem;
use crate::trace::{Source, Steps};

/// A script that was read, ready for any number of talks at once.
pub(crate) trait Engine: Debug + Send + Sync {
    /// Begins a talk, which shares the script and nothing else. Equal seeds give equal talks.
    fn begin(self: Arc<Self>, seed: u64) -> Box<dyn Responder>;

    /// How many rules it has.
    fn rules(&self) -> usize;

    /// What is allowed in it, but surely not meant, in the order of its lines.
    fn lint(&self) -> Vec<Problem>;
}

/// What one conversation remembers.
pub(crate) trait Responder: Debug + Send {
    /// The words to open with, if the script has any.
    fn greet(&mut self) -> Option<String>;

    /// Answers a line, and notes how it came to that.
    fn respond(&mut self, line: &str, steps: &mut Steps) -> Answer;

    /// The words to part with, if the script has any.
    fn farewell(&mut self) -> Option<String>;

    /// What was remembered to come back to it, the oldest first.
    fn memory(&self) -> Vec<String>;
}

/// What a talk answers.
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
