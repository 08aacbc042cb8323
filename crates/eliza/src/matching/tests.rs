#![expect(clippy::single_range_in_vec_init, reason = "parts are ranges")]

use proptest::prelude::*;

use super::*;

const A: Term = Term::Word(0);
const B: Term = Term::Word(1);

#[track_caller]
fn check(terms: &[Term], words: &[Id], parts: Option<&[Range<usize>]>) {
    let mut matcher = Matcher::default();
    let fits = matcher.matches(terms, words);
    assert_eq!(fits.then(|| matcher.parts()), parts);
}

#[test]
fn every_any_takes_as_few_words_as_possible() {
    use Term::{Any, Exactly};
    check(&[], &[], Some(&[]));
    check(&[], &[0], None);
    check(&[Any], &[], Some(&[0..0]));
    check(&[Any], &[0, 1], Some(&[0..2]));
    check(&[A], &[], None);
    check(&[A], &[0], Some(&[0..1]));
    check(&[A], &[0, 0], None);
    check(&[Any, A, Any], &[1, 0, 0], Some(&[0..1, 1..2, 2..3]));
    check(&[Any, A], &[1, 0, 0], Some(&[0..2, 2..3]));
    check(&[Any, Any, A], &[1, 0], Some(&[0..0, 0..1, 1..2]));
    check(&[Any, Exactly(2), Any], &[5], None);
    check(
        &[Any, Exactly(2), Any],
        &[5, 6, 7],
        Some(&[0..0, 0..2, 2..3]),
    );
    check(&[A, Any, B], &[0, 1, 1], Some(&[0..1, 1..2, 2..3]));
    check(
        &[Any, A, B, Any, A],
        &[0, 0, 1, 0],
        Some(&[0..1, 1..2, 2..3, 3..3, 3..4]),
    );
    check(&[Any, A, B, Any, A], &[0, 0, 1], None);
    check(&[Exactly(usize::MAX), Exactly(usize::MAX)], &[1, 2], None);
    check(&[Term::one_of([])], &[1], None);
    check(&[Term::one_of([7, 3, 7])], &[3], Some(&[0..1]));
    assert_eq!(Term::one_of([7, 7]), Term::Word(7));
}

/// The first of all matches, in the order of what the `Any`s take, by trying all.
fn naive(terms: &[Term], words: &[Id], from: usize) -> Option<Vec<Range<usize>>> {
    let Some((term, rest)) = terms.split_first() else {
        return (from == words.len()).then(Vec::new);
    };
    let fits = |end: usize| {
        let taken = words.get(from..end)?;
        let is_taken = match term {
            Term::Any => true,
            Term::Exactly(count) => taken.len() == *count,
            Term::Word(word) => taken == [*word],
            Term::OneOf(some) => taken.len() == 1 && some.contains(&taken[0]),
        };
        let mut parts = is_taken.then(|| naive(rest, words, end)).flatten()?;
        parts.insert(0, from..end);
        Some(parts)
    };
    (from..=words.len()).find_map(fits)
}

fn a_term() -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => Just(Term::Any),
        4 => (0..3u32).prop_map(Term::Word),
        1 => (1..3usize).prop_map(Term::Exactly),
        1 => prop::collection::vec(0..4u32, 0..3).prop_map(Term::one_of),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn agrees_with_an_exhaustive_search(
        terms in prop::collection::vec(a_term(), 0..7),
        words in prop::collection::vec(0..4u32, 0..9),
    ) {
        let mut matcher = Matcher::default();
        let fits = matcher.matches(&terms, &words);
        let found = fits.then(|| matcher.parts().to_vec());
        prop_assert_eq!(found, naive(&terms, &words, 0));
        prop_assert!(matcher.comparisons <= 2 * terms.len() + words.len() * words.len());
    }
}
