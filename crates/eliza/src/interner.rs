//! Interned words: a number for each word of a script, and for each unknown word of an input line.
//!
//! Patterns compare words many times; each word of a line is looked up once.

use std::collections::HashMap;

/// A word of an [`Interner`], or an unknown word of a [`LineInterner`].
pub(crate) type Id = u32;

/// All words that a script knows, each once, in normalized spelling.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    ids: HashMap<Box<str>, Id>,
    texts: Vec<Box<str>>, // by id
}

/// The words of one line. Words that the script does not know get ids above those of the script, a
/// new one for each occurrence: no pattern compares them with each other.
#[derive(Debug)]
pub(crate) struct LineInterner<'v> {
    interner: &'v Interner,
    unknown: String,
    ends: Vec<usize>, // of each unknown word, in `unknown`
}

impl Interner {
    /// Returns the id of a word and adds the word if it is new. Ids count from 0.
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

    /// The word with this id.
    pub(crate) fn text(&self, id: Id) -> &str {
        &self.texts[id as usize]
    }

    /// The number of words, which is also the first unused id.
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

    /// The id of a word of the line.
    pub(crate) fn id(&mut self, word: &str) -> Id {
        if let Some(id) = self.interner.id(word) {
            return id;
        }
        let id = self.interner.len() + self.ends.len();
        self.unknown.push_str(word);
        self.ends.push(self.unknown.len());
        Id::try_from(id).expect("a line is shorter than that")
    }

    /// The word with this id, known or unknown.
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
    fn known_words_keep_their_id_and_unknown_ones_get_new_ids() {
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
