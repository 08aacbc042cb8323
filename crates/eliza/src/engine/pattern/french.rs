//! French: clauses, spelling and reflection.

mod lists;
mod reflect;
mod roles;
mod spellings;
mod trim;
mod verbs;
mod words;

use std::array;
use std::borrow::Cow;
use std::ops::Range;

use crate::engine::pattern::language::Language;
use crate::engine::pattern::normalize::Folded;
use lists::{ABBREVIATIONS, CLAUSE_STARTS, DETERMINERS, ELIDED_STARTS, JOINING, VERBS, lists};
use words::folded;

/// The French language.
#[derive(Debug)]
pub(crate) struct French;

impl Language for French {
    fn correct_spelling<'a>(&self, word: &'a str) -> Cow<'a, str> {
        spellings::correct_spelling(word)
    }

    fn is_abbreviation(&self, word: &str) -> bool {
        lists(ABBREVIATIONS, &folded(word))
    }

    /// After a comma, where another clause has its subject: ", je suis", ", et il a", ", mon chef
    /// est".
    fn begins_clause(&self, before: &str, after: &str) -> bool {
        if !before.ends_with(',') {
            return false;
        }
        let mut words = after.split(' ').map(folded).peekable();
        words.next_if(|word| lists(JOINING, word));
        let [first, second, third] = array::from_fn(|_| words.next().unwrap_or_default());
        let elided = ELIDED_STARTS
            .split(' ')
            .any(|start| first.starts_with(start));
        // "Nous" and "vous" alone are as often objects: "lui, nous et toi".
        elided
            || lists(CLAUSE_STARTS, &first)
                && !second.is_empty()
                && !["et", "ou"].contains(&second.as_str())
            || lists(DETERMINERS, &first)
                && lists(VERBS, third.split('\'').next().unwrap_or_default())
    }

    fn without_tail<'a>(&self, sentence: &'a str) -> &'a str {
        trim::without_tail(sentence)
    }

    fn without_head<'a>(&self, clause: &'a str) -> &'a str {
        trim::without_head(clause)
    }

    fn reflect(&self, sentence: &str, _: &Folded, part: Range<usize>) -> String {
        reflect::reflect(sentence, part)
    }

    fn prepare(&self) {
        trim::prepare();
        spellings::prepare();
        lists::prepare();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(clauses: &str, cuts: &[&str]) {
        let spaces = clauses.match_indices(' ').map(|(at, _)| at);
        let found: Vec<_> = spaces
            .filter(|&at| French.begins_clause(&clauses[..at], &clauses[at + 1..]))
            .map(|at| &clauses[at + 1..])
            .collect();
        assert_eq!(found, cuts, "{clauses}");
    }

    #[test]
    fn a_new_clause_starts_after_a_comma() {
        check("Je le hais, il est horrible", &["il est horrible"]);
        check("je dors mal, et j'ai mal", &["et j'ai mal"]);
        check("je suis triste, mon chef est là", &["mon chef est là"]);
        check("oui, c'est vrai", &["c'est vrai"]);
        check("j'aime mon chat, mon chien et lui", &[]);
        check("j'aime Paul, elle et toi", &[]);
        check("je t'aime", &[]);
    }

    #[test]
    fn abbreviations_do_not_end_a_sentence() {
        for word in ["M.", "Mme.", "Dr."] {
            assert!(French.is_abbreviation(word), "{word}");
        }
        assert!(!French.is_abbreviation("moi."));
    }
}
