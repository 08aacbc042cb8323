//! What a script of Hayden's kind says to what.

use std::collections::{HashMap, HashSet};

use crate::engine::hayden::pattern::Pattern;
use crate::engine::hayden::reassembly::Reply;
use crate::interner::{Id, Interner};
use crate::problem::Problem;
use crate::trace::Keyword;

/// Keywords, and the patterns and replies of each.
///
/// A script is lines of these kinds, in which small and capital letters are the same but in what is
/// said. White space before them is free; empty lines, and those that begin with `#` or `;`, say
/// nothing.
///
/// | line | what it says |
/// | --- | --- |
/// | `initial:` words | to open with; of several lines, one is chosen |
/// | `final:` words | to part with, likewise |
/// | `quit:` words | a sentence that is nothing but these words ends the conversation |
/// | `pre:` word words | each such word is replaced before a sentence is looked at |
/// | `post:` word words | each such word of a sentence is replaced as it is put into a reply |
/// | `synon:` word words | `@` and the first word means any of them |
/// | `key:` word number | what is said to sentences with this word; the highest number comes first, and none is 0 |
/// | `decomp:` pattern | a sentence as a whole, in which `*` is any words or none, and `@word` one of a list |
/// | `reasmb:` words | the reply, in which `(1)` is the first `*` or `@` of the pattern |
/// | `reasmb: goto` word | the reply is that of another key |
///
/// A pattern has one reply or more, which take turns. If it begins with `$`, its reply, chosen by
/// chance, is remembered, and the search goes on; when nothing fits, the oldest of these is told.
/// When nothing is remembered either, the patterns of the key `xnone` are tried.
///
/// This is as in the Java program but for these: `quit:` holds before `pre:` as well as behind it; a
/// pattern may have more than one `@`; a keyword that comes twice in a sentence is tried once.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) vocabulary: Interner,
    pub(crate) initial: Vec<String>,
    pub(crate) farewell: Vec<String>,
    pub(crate) quit: HashSet<String>, // its words with single spaces
    pub(crate) pre: HashMap<Id, Vec<Id>>,
    pub(crate) post: HashMap<Id, String>,
    pub(crate) keys: Vec<Key>,
    pub(crate) key_of: HashMap<Id, usize>,
    pub(crate) fallback: Option<usize>, // of the keys
    pub(crate) warnings: Vec<Problem>,  // seen when the script was read
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) word: Id,
    pub(crate) rank: u32,
    pub(crate) line: usize,
    pub(crate) decomps: Vec<Decomp>,
}

/// A pattern, and what is said to sentences that fit it.
#[derive(Debug)]
pub(crate) struct Decomp {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) number: u32, // of all in the script
    pub(crate) source: String,
    pub(crate) pattern: Pattern,
    pub(crate) remembered: bool, // its reply is for later
    pub(crate) replies: Vec<Reply>,
}

impl Script {
    /// The word of a key, and its rank.
    pub(crate) fn keyword(&self, key: usize) -> Keyword {
        let key = &self.keys[key];
        Keyword {
            word: self.vocabulary.text(key.word).to_owned(),
            precedence: key.rank,
        }
    }
}
