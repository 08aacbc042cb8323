//! A script in Hayden's format.

use std::collections::{HashMap, HashSet};

use crate::engine::hayden::pattern::Pattern;
use crate::engine::hayden::reassembly::Reply;
use crate::interner::{Id, Interner};
use crate::problem::Problem;
use crate::trace::Keyword;

/// Keywords, each with its patterns and replies.
///
/// A script consists of the following lines. Case matters only in replies. Leading white space,
/// empty lines, and lines that start with `#` or `;` are ignored.
///
/// | line | meaning |
/// | --- | --- |
/// | `initial:` words | the greeting; of several, one is chosen at random |
/// | `final:` words | the farewell, likewise |
/// | `quit:` words | a sentence with exactly these words ends the conversation |
/// | `pre:` word words | replaces each such word of the input before matching |
/// | `post:` word words | replaces each such word of the input in a reply |
/// | `synon:` word words | a list; `@` and its first word match any of its words |
/// | `key:` word number | a keyword and its rank: the highest is tried first; the default is 0 |
/// | `decomp:` pattern | matches a whole sentence; `*` is any number of words, `@word` one of a list |
/// | `reasmb:` words | a reply, in which `(1)` is the first `*` or `@` of the pattern |
/// | `reasmb: goto` word | continues with the patterns of another key |
///
/// The replies of a pattern are used in turn. If a pattern starts with `$`, one of its replies,
/// chosen at random, is remembered and the search continues. If no pattern matches, the oldest
/// memory is the reply; without one, the patterns of the key `xnone` are tried.
///
/// Differences from the Java program: `quit:` applies before and after `pre:`; a pattern may have
/// more than one `@`; a keyword that occurs twice in a sentence is tried once.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) vocabulary: Interner,
    pub(crate) initial: Vec<String>,
    pub(crate) farewell: Vec<String>,
    pub(crate) quit: HashSet<String>, // words, joined by single spaces
    pub(crate) pre: HashMap<Id, Vec<Id>>,
    pub(crate) post: HashMap<Id, String>,
    pub(crate) keys: Vec<Key>,
    pub(crate) key_of: HashMap<Id, usize>,
    pub(crate) fallback: Option<usize>, // index in `keys`
    pub(crate) warnings: Vec<Problem>,  // found by the parser
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) word: Id,
    pub(crate) rank: u32,
    pub(crate) line: usize,
    pub(crate) decomps: Vec<Decomp>,
}

/// A pattern and its replies.
#[derive(Debug)]
pub(crate) struct Decomp {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) number: u32, // its index among all patterns of the script
    pub(crate) source: String,
    pub(crate) pattern: Pattern,
    pub(crate) remembered: bool, // its replies are remembered, not sent
    pub(crate) replies: Vec<Reply>,
}

impl Script {
    /// The word and rank of a key.
    pub(crate) fn keyword(&self, key: usize) -> Keyword {
        let key = &self.keys[key];
        Keyword {
            word: self.vocabulary.text(key.word).to_owned(),
            precedence: key.rank,
        }
    }
}
