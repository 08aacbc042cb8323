//! Whether one pattern matches everything that another one matches.

use std::borrow::Cow;
use std::iter;
use std::sync::Arc;

use crate::interner::Id;
use crate::matching::Term;

/// Compares patterns within a budget.
#[derive(Debug)]
pub(crate) struct Subsumption {
    /// The remaining number of comparisons of two terms. It limits the work of comparing all
    /// patterns of a script with each other.
    pub(crate) budget: usize,
}

/// Expands every `Exactly(n)` into n terms for one word, so that more patterns can be compared.
/// `None` if there would be more than [`MAX_TERMS`].
pub(crate) fn expand_exactly(terms: &[Term]) -> Option<Cow<'_, [Term]>> {
    let several = |term: &Term| matches!(term, Term::Exactly(words) if *words != 1);
    if !terms.iter().any(several) {
        return Some(terms.into());
    }
    let mut singles = Vec::new();
    for term in terms {
        match term {
            Term::Exactly(words) if MAX_TERMS < singles.len().saturating_add(*words) => {
                return None;
            }
            Term::Exactly(words) => singles.extend(iter::repeat_n(Term::Exactly(1), *words)),
            term => singles.push(term.clone()),
        }
    }
    Some(singles.into())
}

impl Subsumption {
    /// Whether the budget is used up.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.budget == 0
    }

    /// Whether `general` matches all words that `special` matches. `false` if not, or if that
    /// cannot be decided.
    ///
    /// The terms of `special` are treated like words: `general` subsumes it if each of its terms
    /// subsumes one term, and each `Any` any number of them.
    pub(crate) fn subsumes(&mut self, general: &[Term], special: &[Term]) -> bool {
        self.budget = self.budget.saturating_sub(1);
        let (mut at, mut taken) = (0, 0);
        // Where to continue if the terms after an `Any` do not match: that `Any` then takes one
        // more term. Only the latest `Any` matters, as in matching.
        let mut again = None;
        while taken < special.len() {
            let Some(budget) = self.budget.checked_sub(1) else {
                return false;
            };
            self.budget = budget;
            match general.get(at) {
                Some(Term::Any) => {
                    again = Some((at, taken));
                    at += 1;
                }
                Some(term) if self.term_subsumes(term, &special[taken]) => {
                    at += 1;
                    taken += 1;
                }
                _ => {
                    let Some((any, from)) = again else {
                        return false;
                    };
                    again = Some((any, from + 1));
                    (at, taken) = (any + 1, from + 1);
                }
            }
        }
        general[at..].iter().all(|term| *term == Term::Any)
    }

    /// Whether `general`, which is not `Any`, matches every word that `special` matches.
    fn term_subsumes(&mut self, general: &Term, special: &Term) -> bool {
        match (general, special) {
            (Term::Any, _) | (_, Term::Any) => false,
            (Term::Exactly(words), special) => special.words() == *words,
            (Term::Word(word), Term::Word(other)) => word == other,
            (Term::OneOf(some), Term::Word(word)) => some.binary_search(word).is_ok(),
            (Term::OneOf(some), Term::OneOf(others)) => self.includes(some, others),
            (Term::Word(_) | Term::OneOf(_), Term::Exactly(_))
            | (Term::Word(_), Term::OneOf(_)) => false,
        }
    }

    fn includes(&mut self, some: &Arc<[Id]>, others: &Arc<[Id]>) -> bool {
        if Arc::ptr_eq(some, others) {
            return true;
        }
        self.budget = self.budget.saturating_sub(others.len());
        others.len() <= some.len() && others.iter().all(|word| some.binary_search(word).is_ok())
    }
}

/// Patterns with more terms are not expanded. Real scripts have none.
const MAX_TERMS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matching::Matcher;

    const A: Term = Term::Word(0);
    const B: Term = Term::Word(1);

    fn subsumes(general: &[Term], special: &[Term]) -> bool {
        Subsumption { budget: 1000 }.subsumes(general, special)
    }

    #[test]
    fn a_general_pattern_subsumes_a_special_one() {
        use Term::{Any, Exactly};
        let ab = || Term::one_of([0, 1]);
        for (general, special) in [
            (vec![Any], vec![]),
            (vec![Any, Any], vec![Any]),
            (vec![Any], vec![Any, A, Any]),
            (vec![Any, A, Any], vec![Any, B, A, Any, A]),
            (vec![Any, A, B], vec![A, A, A, B]),
            (vec![ab(), ab()], vec![A, ab()]),
            (vec![Any, Term::one_of([0, 1, 2]), Any], vec![ab()]),
            (vec![Exactly(1), Exactly(2)], vec![ab(), Exactly(2)]),
        ] {
            assert!(subsumes(&general, &special), "{general:?} {special:?}");
        }
        for (general, special) in [
            (vec![], vec![Any]),
            (vec![Any, A, Any], vec![Any]),
            (vec![A], vec![Any, A]),
            (vec![A], vec![A, A]),
            (vec![A, A], vec![A]),
            (vec![A], vec![ab()]),
            (vec![A], vec![Exactly(1)]),
            (vec![ab()], vec![Term::one_of([0, 2])]),
            (vec![Exactly(2)], vec![Exactly(1)]),
            (vec![Any, A, B, Any], vec![A, Any, B]),
        ] {
            assert!(!subsumes(&general, &special), "{general:?} {special:?}");
        }
    }

    #[test]
    fn the_budget_ends() {
        let general = vec![[Term::Any, A, A, B]; 50].concat();
        let mut subsumption = Subsumption { budget: 40 };
        assert!(!subsumption.subsumes(&general, &general));
        assert_eq!(subsumption.budget, 0);
        assert!(subsumes(&general, &general));
        let mut subsumption = Subsumption { budget: 2 };
        assert!(subsumption.subsumes(&[], &[]));
        assert!(!subsumption.is_exhausted());
        assert!(subsumption.subsumes(&[], &[]));
        assert!(subsumption.is_exhausted());
    }

    #[test]
    fn exactly_n_expands_to_single_words() {
        use Term::{Any, Exactly};
        let expanded = |terms: &[Term]| expand_exactly(terms).map(Cow::into_owned);
        let terms = [Any, A, Exactly(1)];
        assert_eq!(expanded(&terms), Some(terms.to_vec()));
        let three = [Any, Exactly(1), Exactly(1), Exactly(1), B];
        assert_eq!(expanded(&[Any, Exactly(3), B]), Some(three.to_vec()));
        assert_eq!(expanded(&[Exactly(usize::MAX), Exactly(2)]), None);
        assert_eq!(expanded(&[A, Exactly(MAX_TERMS)]), None);
    }

    fn term() -> impl Strategy<Value = Term> {
        prop_oneof![
            3 => Just(Term::Any),
            1 => (1..3usize).prop_map(Term::Exactly),
            3 => (0..3u32).prop_map(Term::Word),
            2 => prop::collection::vec(0..3u32, 1..3).prop_map(Term::one_of),
        ]
    }

    proptest! {
        #[test]
        fn subsumed_patterns_match_less(
            general in prop::collection::vec(term(), 0..5),
            special in prop::collection::vec(term(), 0..5),
            lines in prop::collection::vec(prop::collection::vec(0..4u32, 0..6), 50),
        ) {
            if subsumes(&general, &special) {
                let mut matcher = Matcher::default();
                for words in lines {
                    prop_assert!(!matcher.matches(&special, &words) || matcher.matches(&general, &words));
                }
            }
        }
    }
}
