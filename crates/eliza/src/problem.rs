//! Problems in scripts, with their positions.

use std::fmt;

/// A problem at a position of a script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line of the script, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What is wrong or what was expected, in one line.
    pub what: String,
}

/// Why a script cannot be used: at least one problem and at most 100, sorted by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(Vec<Problem>);

/// A script and the start of each of its lines.
#[derive(Debug)]
pub(crate) struct SourceMap<'a> {
    script: &'a [u8],
    lines: LineIndex,
}

/// The start of each line of a script, without the script.
#[derive(Debug)]
pub(crate) struct LineIndex(Vec<usize>);

impl Problem {
    /// A problem at a byte of the script.
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

    /// A problem at a byte of the script.
    pub(crate) fn problem(&self, offset: usize, what: impl Into<String>) -> Problem {
        self.lines.problem(self.script, offset, what)
    }
}

impl LineIndex {
    /// A line ends at CR LF, at CR or LF alone, and at VT or FF.
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

    /// A problem at a byte of `script`, which must be the script of this index.
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

    /// The problems, sorted by line.
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
    /// One line per problem.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(out, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}

/// Line ends: LF, VT, FF and CR.
pub(crate) const ENDS_OF_LINE: [char; 4] = ['\n', '\x0b', '\x0c', '\r'];

pub(crate) const MAX_PROBLEMS: usize = 100; // more would not help to fix the first ones

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
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
