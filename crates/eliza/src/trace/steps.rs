//! Records the steps of a reply, within a size limit.

use crate::trace::{Keyword, Step};

/// A recorder of steps. The default records nothing.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    recorded: Option<Vec<Step>>,
    room: usize,
    left_out: usize,
}

impl Steps {
    /// Records without a limit.
    #[cfg(test)]
    pub(crate) fn recorded() -> Self {
        Self::within(usize::MAX)
    }

    /// Records steps up to a number of bytes: a line may be long, and a script may loop thousands
    /// of times.
    pub(crate) fn within(bytes: usize) -> Self {
        Self {
            recorded: Some(Vec::new()),
            room: bytes,
            left_out: 0,
        }
    }

    /// Records a step. `step` is called only if steps are recorded.
    pub(crate) fn record(&mut self, step: impl FnOnce() -> Step) {
        let Some(steps) = &mut self.recorded else {
            return;
        };
        if self.left_out == 0 {
            let step = step();
            if let Some(room) = self.room.checked_sub(step.bytes()) {
                self.room = room;
                return steps.push(step);
            }
        }
        self.left_out += 1; // and every later step: with gaps, the trace would not make sense
    }

    /// The number of steps that were not recorded because the limit was reached.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out
    }

    pub(crate) fn into_vec(self) -> Vec<Step> {
        self.recorded.unwrap_or_default()
    }
}

impl Step {
    /// Its size in bytes.
    fn bytes(&self) -> usize {
        let texts: usize = match self {
            Self::Read { words } | Self::Discarded { words } | Self::Rewritten { words } => {
                all(words)
            }
            Self::Substituted { word, by } => one(word) + one(by),
            Self::Keywords { stack } => stack.iter().map(|Keyword { word, .. }| one(word)).sum(),
            Self::Matched {
                keyword,
                pattern,
                parts,
                reply,
                ..
            } => {
                keyword.as_ref().map_or(0, |keyword| one(keyword))
                    + one(pattern)
                    + all(parts)
                    + one(reply)
            }
            Self::Unmatched { keyword, .. } => one(keyword),
            Self::Referred { to: text }
            | Self::Remembered { text }
            | Self::NotRemembered { pattern: text }
            | Self::Topic { name: text } => one(text),
            Self::Learnt { what, value } => one(what) + one(value),
            Self::Limit { .. } | Self::NewKey => 0,
        };
        size_of::<Self>() + texts
    }
}

fn all(texts: &[String]) -> usize {
    texts.iter().map(|text| one(text)).sum()
}

fn one(text: &str) -> usize {
    size_of::<String>() + text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str) -> Step {
        let words = vec![word.to_owned()];
        Step::Read { words }
    }

    #[test]
    fn a_disabled_recorder_does_not_build_steps() {
        let mut steps = Steps::default();
        steps.record(|| panic!("steps are not recorded"));
        assert_eq!((steps.left_out(), steps.into_vec()), (0, Vec::new()));
    }

    #[test]
    fn steps_are_recorded_in_order() {
        let mut steps = Steps::recorded();
        steps.record(|| read("one"));
        steps.record(|| Step::NewKey);
        assert_eq!(steps.into_vec(), [read("one"), Step::NewKey]);
    }

    #[test]
    fn steps_beyond_the_limit_are_counted() {
        let mut steps = Steps::within(2 * read("four").bytes());
        steps.record(|| read("four"));
        steps.record(|| read("forty-four"));
        steps.record(|| read(""));
        assert_eq!(
            (steps.left_out(), steps.into_vec()),
            (2, vec![read("four")])
        );
    }

    #[test]
    fn the_default_limit_fits_a_long_line() {
        let mut steps = Steps::within(crate::Trace::MAX_BYTES);
        steps.record(|| Step::Read {
            words: vec!["word".to_owned(); 500],
        });
        assert_eq!(steps.left_out(), 0);
    }
}
