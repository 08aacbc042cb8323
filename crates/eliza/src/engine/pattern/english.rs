//! English: clauses, spelling and reflection.

mod lists;
mod reflect;
mod spellings;
mod trim;

use std::array;
use std::borrow::Cow;
use std::ops::Range;

use crate::engine::pattern::language::Language;
use crate::engine::pattern::normalize::Folded;
use lists::{ABBREVIATIONS, AUXILIARIES, CLAUSE_STARTS, DETERMINERS, lists_of};

/// The English language.
#[derive(Debug)]
pub(crate) struct English;

impl Language for English {
    fn correct_spelling<'a>(&self, word: &'a str) -> Cow<'a, str> {
        spellings::correct_spelling(word)
    }

    fn is_abbreviation(&self, word: &str) -> bool {
        lists_of(&word.to_lowercase()).is_in(ABBREVIATIONS)
    }

    /// After a comma, where another clause has its subject: ", he is", ", and I was", ", my boss
    /// is"; and before "but" with a subject.
    fn begins_clause(&self, before: &str, after: &str) -> bool {
        let begins_with = |word: &str| {
            after
                .get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        let is_behind = before.ends_with(',');
        if !is_behind && !begins_with("but ") {
            return false;
        }
        let mut words = after.split(' ').map(str::to_lowercase).peekable();
        words.next_if(|word| ["and", "so"].contains(&word.as_str()) || !is_behind);
        let [first, second, third] = array::from_fn(|_| words.next().unwrap_or_default());
        let has_subject =
            lists_of(&first).is_in(CLAUSE_STARTS) && !["", "and", "or"].contains(&second.as_str());
        has_subject || lists_of(&first).is_in(DETERMINERS) && lists_of(&third).is_in(AUXILIARIES)
    }

    fn without_tail<'a>(&self, sentence: &'a str) -> &'a str {
        trim::without_tail(sentence)
    }

    fn without_head<'a>(&self, clause: &'a str) -> &'a str {
        trim::without_head(clause)
    }

    fn reflect(&self, sentence: &str, folded: &Folded, part: Range<usize>) -> String {
        reflect::reflect(sentence, folded, part)
    }

    fn prepare(&self) {
        trim::prepare();
        spellings::prepare();
        lists::prepare();
    }
}
