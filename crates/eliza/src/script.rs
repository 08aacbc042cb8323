//! A script of any kind: what is said to what.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::engine::{Engine, Responder, doctor1966, hayden, pattern};
use crate::problem::{MAX_PROBLEMS, Problem, ScriptError};

/// Patterns and replies, compiled once. Copies share them, and so do conversations.
///
/// A script is written in one of three formats; [`load`] tells from the text which:
///
/// ```
/// use switchboard_eliza::{Format, Script};
///
/// // Regular expressions; the built-in friend, `data/eliza/friend.toml`, explains all there is.
/// let friend = r#"
///     greeting = ["How are you?"]
///     farewell = ["Goodbye."]
///     silence = ["Yes?", "Go on."]
///     otherwise = ["I see.", "And then?"]
///     quit = ["bye"]
///     [[rule]]
///     patterns = ["my (.+)"]
///     replies = ["Your {1}?", "What of your {1}?"]
/// "#;
/// // A keyword, how it is turned round, its precedence, and patterns in which 0 is any words.
/// let of_1966 = "(HOW ARE YOU)
///     (MY = YOUR 2 ((0 YOUR 0) (YOUR 3) (WHAT OF YOUR 3)))
///     (NONE ((0) (I SEE)))
///     (MEMORY MY (0 YOUR 0 = A 3) (0 YOUR 0 = B 3) (0 YOUR 0 = C 3) (0 YOUR 0 = D 3))";
/// // The same with * for any words, a tag before each line.
/// let hayden = "initial: How are you?
///     key: my 2
///       decomp: * my *
///         reasmb: Your (2)?
///     key: xnone
///       decomp: *
///         reasmb: I see.";
/// for (text, format) in [
///     (friend, Format::Pattern),
///     (of_1966, Format::Doctor1966),
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

/// The form a script is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The friend's: TOML with regular expressions.
    Pattern,
    /// Weizenbaum's of 1966: lists in parentheses.
    Doctor1966,
    /// Hayden's: lines that begin with `key:`, `decomp:`, `reasmb:` and the like.
    Hayden,
}

impl Script {
    /// The longest script that is read.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// The scripts that are built in, by their names; the first is spoken unless another is asked
    /// for.
    pub const NAMES: [&str; 3] = ["friend", "ami", "turing"];

    /// The built-in friend.
    ///
    /// # Panics
    ///
    /// Never: a test reads the script.
    #[must_use]
    pub fn friend() -> Self {
        Self::named("friend").expect("it is built in")
    }

    /// The built-in script of this name, if there is one. It is compiled when it is first asked
    /// for.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        static FRIEND: LazyLock<Script> =
            LazyLock::new(|| built_in(include_str!("../../../data/eliza/friend.toml")));
        static AMI: LazyLock<Script> =
            LazyLock::new(|| built_in(include_str!("../../../data/eliza/ami.toml")));
        static TURING: LazyLock<Script> =
            LazyLock::new(|| built_in(include_str!("../../../data/eliza/turing.script")));
        match name {
            "friend" => Some(FRIEND.clone()),
            "ami" => Some(AMI.clone()),
            "turing" => Some(TURING.clone()),
            _ => None,
        }
    }

    /// Reads a script, and tells from its text which kind it is.
    ///
    /// # Errors
    ///
    /// All that makes it unusable, each with its place: more than [`MAX_BYTES`], bytes that are no
    /// UTF-8, and what its format does not allow.
    ///
    /// [`MAX_BYTES`]: Self::MAX_BYTES
    pub fn load(script: impl AsRef<[u8]>) -> Result<Self, ScriptError> {
        let script = script.as_ref();
        if Self::MAX_BYTES < script.len() {
            let most = Self::MAX_BYTES / 1024;
            let what = format!("a script is at most {most} KiB");
            return Err(Problem::at(script, 0, what).into());
        }
        let text = str::from_utf8(script)
            .map_err(|error| Problem::at(script, error.valid_up_to(), "not UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let format = Format::of(text);
        let engine: Arc<dyn Engine> = match format {
            Format::Pattern => Arc::new(pattern::parse(text)?),
            Format::Doctor1966 => Arc::new(doctor1966::parse(text)?),
            Format::Hayden => Arc::new(hayden::parse(text)?),
        };
        Ok(Self { format, engine })
    }

    /// The form it was written in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many rules it has.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.engine.rules()
    }

    /// What is allowed in it, but surely not meant: rules that nothing can reach, tags that nothing
    /// has, references that go in a circle. In the order of its lines, up to a hundred.
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
    /// Which form this text is written in. Who is not clear is the friend's, so that the errors are
    /// TOML's.
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

fn built_in(text: &str) -> Script {
    Script::load(text).expect("a test reads the built-in scripts")
}
