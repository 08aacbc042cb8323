//! Words as numbers: those a script knows, and the strangers of a line.
//!
//! Patterns compare words many times, but each word of a line is looked up only once.

use std::collections::HashMap;

/// A word of a [`Interner`], or a stranger that was [`LineInterner`] with it.
pub(crate) type Id = u32;

/// All words that a script knows, each once, in the spelling that it looks them up in.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    ids: HashMap<Box<str>, Id>,
    texts: Vec<Box<str>>, // by id
}

/// The words of one line. Those that the script does not know get ids beyond its vocabulary, a new
/// one each time: no pattern compares them with each other.
#[derive(Debug)]
pub(crate) struct LineInterner<'v> {
    interner: &'v Interner,
    unknown: String,
    ends: Vec<usize>, // of each stranger
}

impl Interner {
    /// The id of a word, which is added if it is new. The ids count from 0.
    pub(crate) fn intern(&mut self, word: &str) -> Id {
        if let Some(id) = self.id(word) {
            return id;
        }
        let id = Id::try_from(self.texts.len()).expect("a script is shorter than that");
        self.ids.insert(word.into(), id);
        self.texts.push(word.into());
        id
    }

    /// The id of a word, if the script knows it.
    pub(crate) fn id(&self, word: &str) -> Option<Id> {
        self.ids.get(word).copied()
    }

    /// The word of one of its own ids.
    pub(crate) fn text(&self, id: Id) -> &str {
        &self.texts[id as usize]
    }

    /// How many words there are: the first id that is none of them.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }
}

impl<'v> LineInterner<'v> {
    pub(crate) fn new(interner: &'v Interner) -> Self {
        Self {
            interner,
            unknown: String::new(),
            ends: Vec::new(),
        }
    }

    /// The id of a word that is heard now.
    pub(crate) fn id(&mut self, word: &str) -> Id {
        if let Some(id) = self.interner.id(word) {
            return id;
        }
        let id = self.interner.len() + self.ends.len();
        self.unknown.push_str(word);
        self.ends.push(self.unknown.len());
        Id::try_from(id).expect("a line is shorter than that")
    }

    /// The word of an id that was given out here, or by the vocabulary.
    pub(crate) fn text(&self, id: Id) -> &str {
        let Some(index) = (id as usize).checked_sub(self.interner.len()) else {
            return self.interner.text(id);
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.unknown[start..self.ends[index]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_keep_their_id_and_strangers_get_one_of_their_own() {
        let mut interner = Interner::default();
        let ids = ["you", "need", "you", "You"].map(|word| interner.intern(word));
        assert_eq!((ids, interner.len()), ([0, 1, 0, 2], 3));
        assert_eq!(interner.id("need"), Some(1));
        assert_eq!(interner.id("NEED"), None);

        let mut line_interner = LineInterner::new(&interner);
        let line = ["you", "häve", "", "need", "häve"];
        let ids = line.map(|word| line_interner.id(word));
        assert_eq!(ids, [0, 3, 4, 1, 5]);
        assert_eq!(ids.map(|id| line_interner.text(id)), line);
    }
}
