//! A script of any format.

use std::fmt;
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::engine::{Engine, Responder, doctor1966, hayden, pattern};
use crate::problem::{MAX_PROBLEMS, Problem, ScriptError};

/// Patterns and replies, compiled once. Clones and conversations share them.
///
/// A script has one of three formats; [`load`] detects which:
///
/// ```
/// use switchboard_eliza::{Format, Script};
///
/// // Regular expressions. The built-in `data/eliza/friend.toml` explains the whole format.
/// let pattern = r#"
///     greeting = ["How are you?"]
///     farewell = ["Goodbye."]
///     silence = ["Yes?", "Go on."]
///     otherwise = ["I see.", "And then?"]
///     quit = ["bye"]
///     [[rule]]
///     patterns = ["my (.+)"]
///     replies = ["Your {1}?", "What of your {1}?"]
/// "#;
/// // A keyword, its substitute, its precedence, and patterns in which 0 matches any words.
/// let doctor_1966 = "(HOW ARE YOU)
///     (MY = YOUR 2 ((0 YOUR 0) (YOUR 3) (WHAT OF YOUR 3)))
///     (NONE ((0) (I SEE)))
///     (MEMORY MY (0 YOUR 0 = A 3) (0 YOUR 0 = B 3) (0 YOUR 0 = C 3) (0 YOUR 0 = D 3))";
/// // The same with * for any words and a tag at the start of each line.
/// let hayden = "initial: How are you?
///     key: my 2
///       decomp: * my *
///         reasmb: Your (2)?
///     key: xnone
///       decomp: *
///         reasmb: I see.";
/// for (text, format) in [
///     (pattern, Format::Pattern),
///     (doctor_1966, Format::Doctor1966),
///     (hayden, Format::Hayden),
/// ] {
///     assert_eq!(Script::load(text)?.format(), format);
/// }
/// # Ok::<(), switchboard_eliza::ScriptError>(())
/// ```
///
/// [`load`]: Self::load
#[derive(Clone, Debug)]
pub struct Script {
    format: Format,
    engine: Arc<dyn Engine>,
}

/// The format of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// TOML with regular expressions, as the built-in friend.
    Pattern,
    /// Weizenbaum's format of 1966: lists in parentheses.
    Doctor1966,
    /// Hayden's format: lines that begin with `key:`, `decomp:`, `reasmb:` and other tags.
    Hayden,
}

impl Script {
    /// The maximum size of a script, in bytes.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// The names of the built-in scripts. The first one is the default.
    pub const NAMES: [&str; 3] = ["friend", "ami", "turing"];

    /// The built-in friend, compiled on first use.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load). The tests load every built-in script, so a released version
    /// returns none.
    pub fn friend() -> Result<Self, ScriptError> {
        static FRIEND: OnceCell<Script> = OnceCell::new();
        built_in(&FRIEND, include_str!("../../../data/eliza/friend.toml"))
    }

    /// The built-in script of this name, compiled on first use; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), as for [`friend`](Self::friend).
    #[must_use]
    pub fn named(name: &str) -> Option<Result<Self, ScriptError>> {
        static AMI: OnceCell<Script> = OnceCell::new();
        static TURING: OnceCell<Script> = OnceCell::new();
        Some(match name {
            "friend" => Self::friend(),
            "ami" => built_in(&AMI, include_str!("../../../data/eliza/ami.toml")),
            "turing" => built_in(&TURING, include_str!("../../../data/eliza/turing.script")),
            _ => return None,
        })
    }

    /// Reads a script and detects its format. Characters without a width count as nothing.
    ///
    /// # Errors
    ///
    /// Every problem that makes it unusable, with line and column: more than [`MAX_BYTES`], bytes
    /// that are not UTF-8, and what its format does not allow.
    ///
    /// [`MAX_BYTES`]: Self::MAX_BYTES
    pub fn load(script: impl AsRef<[u8]>) -> Result<Self, ScriptError> {
        let script = script.as_ref();
        if Self::MAX_BYTES < script.len() {
            let max = Self::MAX_BYTES / 1024;
            let what = format!("a script is at most {max} KiB");
            return Err(Problem::at(script, 0, what).into());
        }
        let text = str::from_utf8(script)
            .map_err(|error| Problem::at(script, error.valid_up_to(), "not UTF-8"))?;
        let text = &text.replace(ZERO_WIDTH, "");
        let format = Format::of(text);
        let engine: Arc<dyn Engine> = match format {
            Format::Pattern => Arc::new(pattern::parse(text)?),
            Format::Doctor1966 => Arc::new(doctor1966::parse(text)?),
            Format::Hayden => Arc::new(hayden::parse(text)?),
        };
        Ok(Self { format, engine })
    }

    /// The format that [`load`](Self::load) detected.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The number of rules.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.engine.rules()
    }

    /// Warnings: valid but probably unintended, such as unreachable rules, unused tags and
    /// references that form a cycle. Sorted by line, at most 100.
    #[must_use]
    pub fn lint(&self) -> Vec<Problem> {
        let mut problems = self.engine.lint();
        problems.sort();
        problems.truncate(MAX_PROBLEMS);
        problems
    }

    pub(crate) fn begin(&self, seed: u64) -> Box<dyn Responder> {
        Arc::clone(&self.engine).begin(seed)
    }
}

impl Format {
    /// Detects the format of a text. The default is `Pattern`, so that the errors are those of TOML.
    fn of(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let first = lines
            .find(|line| !line.is_empty() && !line.starts_with([';', '#']))
            .unwrap_or_default();
        let tag = first.split_once(':').map_or("", |(tag, _)| tag.trim());
        if first.starts_with('(') {
            Self::Doctor1966
        } else if hayden::is_tag(tag) {
            Self::Hayden
        } else {
            Self::Pattern
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Pattern => "friend",
            Self::Doctor1966 => "1966",
            Self::Hayden => "Hayden",
        })
    }
}

/// The script in `cell`, compiled from `text` on first use. An error leaves the cell empty.
fn built_in(cell: &OnceCell<Script>, text: &str) -> Result<Script, ScriptError> {
    cell.get_or_try_init(|| Script::load(text)).cloned()
}

/// Characters without a width, which come with copied text and count as nothing.
const ZERO_WIDTH: [char; 4] = ['\u{200b}', '\u{2060}', '\u{ad}', '\u{feff}'];
