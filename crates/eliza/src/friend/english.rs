//! English: how a line is cut, and turned round.

mod lists;
mod reflect;
mod trimmings;

use std::array;
use std::borrow::Cow;
use std::ops::Range;

use crate::friend::language::Language;
use lists::{ABBREVIATIONS, AUXILIARIES, CLAUSE_STARTS, DETERMINERS, SPELLINGS, lists};

/// What somebody says in English.
#[derive(Debug)]
pub(crate) struct English;

impl Language for English {
    fn spelled<'a>(&self, word: &'a str) -> Cow<'a, str> {
        let core = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        let lower = core.to_lowercase();
        match SPELLINGS.iter().find(|(typed, _)| *typed == lower) {
            Some((_, meant)) => format!("{meant}{}", &word[core.len()..]).into(),
            None => word.into(),
        }
    }

    fn is_abbreviation(&self, word: &str) -> bool {
        lists(ABBREVIATIONS, &word.to_lowercase())
    }

    /// Behind a comma, where another has its subject: ", he is", ", and I was", ", my boss is".
    fn begins_clause(&self, before: &str, after: &str) -> bool {
        if !before.ends_with(',') {
            return false;
        }
        let mut words = after.split(' ').map(str::to_lowercase).peekable();
        words.next_if(|word| lists("and so", word));
        let [first, second, third] = array::from_fn(|_| words.next().unwrap_or_default());
        lists(CLAUSE_STARTS, &first) && !second.is_empty() && !lists("and or", &second)
            || lists(DETERMINERS, &first) && lists(AUXILIARIES, &third)
    }

    fn without_tail<'a>(&self, sentence: &'a str) -> &'a str {
        trimmings::without_tail(sentence)
    }

    fn without_head<'a>(&self, clause: &'a str) -> &'a str {
        trimmings::without_head(clause)
    }

    fn reflect(&self, sentence: &str, part: Range<usize>) -> String {
        reflect::reflect(sentence, part)
    }

    fn prepare(&self) {
        trimmings::prepare();
    }
}
