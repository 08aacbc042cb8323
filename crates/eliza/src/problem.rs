//! What is wrong with a script, and where.

use std::fmt;

/// Something in a script, at its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line of the script, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What is wrong, or what was expected there, in one line.
    pub what: String,
}

/// Why a script cannot be used: all that was found, in the order of its lines, up to a hundred. There
/// is something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(Vec<Problem>);

/// Knows where the lines of a script begin.
#[derive(Debug)]
pub(crate) struct SourceMap<'a> {
    script: &'a [u8],
    lines: LineIndex,
}

/// Where the lines of a script begin, without the script.
#[derive(Debug)]
pub(crate) struct LineIndex(Vec<usize>);

impl Problem {
    /// `what`, at a byte of the script.
    pub(crate) fn at(script: &[u8], offset: usize, what: impl Into<String>) -> Self {
        SourceMap::new(script).problem(offset, what)
    }
}

impl<'a> SourceMap<'a> {
    pub(crate) fn new(script: &'a [u8]) -> Self {
        let lines = LineIndex::new(script);
        Self { script, lines }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.lines.line(offset)
    }

    /// `what`, at a byte of the script.
    pub(crate) fn problem(&self, offset: usize, what: impl Into<String>) -> Problem {
        self.lines.problem(self.script, offset, what)
    }
}

impl LineIndex {
    /// A line ends at a CR LF, at either alone, and at a VT or FF.
    pub(crate) fn new(script: &[u8]) -> Self {
        let ends = (0..script.len()).filter(|&at| match script[at] {
            b'\r' => script.get(at + 1) != Some(&b'\n'),
            byte => ENDS_OF_LINE.contains(&char::from(byte)),
        });
        Self([0].into_iter().chain(ends.map(|end| end + 1)).collect())
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|&start| start <= offset)
    }

    /// `what`, at a byte of the script, which is the same that they were found in.
    pub(crate) fn problem(&self, script: &[u8], offset: usize, what: impl Into<String>) -> Problem {
        let offset = offset.min(script.len());
        let line = self.line(offset);
        let before = String::from_utf8_lossy(&script[self.0[line - 1]..offset]);
        Problem {
            line,
            column: 1 + before.chars().count(),
            what: what.into(),
        }
    }
}

impl ScriptError {
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        debug_assert!(!problems.is_empty(), "there is something wrong");
        problems.sort();
        problems.truncate(MAX_PROBLEMS);
        Self(problems)
    }

    /// What was found, in the order of the script's lines.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for ScriptError {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.line, self.column, self.what)
    }
}

impl fmt::Display for ScriptError {
    /// A line for each problem.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(out, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}

/// What ends a line: LF, VT, FF and CR.
pub(crate) const ENDS_OF_LINE: [char; 4] = ['\n', '\x0b', '\x0c', '\r'];

pub(crate) const MAX_PROBLEMS: usize = 100; // nobody reads more before mending the first

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let script = "ab\r\nä?\rc\n\nd".as_bytes();
        let place = |offset| {
            let problem = Problem::at(script, offset, "");
            (problem.line, problem.column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(1), (1, 2));
        assert_eq!(place(4), (2, 1));
        assert_eq!(place(6), (2, 2));
        assert_eq!(place(8), (3, 1));
        assert_eq!(place(11), (5, 1));
        assert_eq!(place(99), (5, 2));
        let ends = b"\n\x0b\x0c\r\r\n\r.";
        let last = Problem::at(ends, ends.len(), "");
        assert_eq!((last.line, last.column), (7, 2));
    }
}
