//! What a pattern cannot match without.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Literals in small letters of which at least one is in every text that a pattern matches.
#[derive(Debug)]
pub(crate) struct Required {
    pub(crate) literals: Vec<String>,
    pub(crate) are_all: bool, // there is nothing else in the pattern
}

impl Required {
    /// What a pattern needs; `None` if it is nothing that is worth looking for.
    pub(crate) fn of(pattern: &Hir) -> Option<Self> {
        let (mut literals, are_all) = match Needs::of(pattern) {
            Needs::Exactly(literals) => (literals, true),
            Needs::OneOf(literals) => (literals, false),
            Needs::Nothing => return None,
        };
        literals.sort_unstable();
        literals.dedup();
        is_useful(&literals).then_some(Self { literals, are_all })
    }
}

/// What a part of a pattern needs in order to match.
enum Needs {
    /// It matches these, in any case, and nothing else.
    Exactly(Vec<String>),
    /// One of these has to be somewhere in what it matches.
    OneOf(Vec<String>),
    Nothing,
}

impl Needs {
    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::Exactly(vec![String::new()]),
            HirKind::Literal(literal) => match str::from_utf8(&literal.0) {
                Ok(text) => Self::Exactly(vec![text.to_lowercase()]),
                Err(_) => Self::Nothing,
            },
            HirKind::Class(class) => Self::of_class(class),
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) => {
                match (repetition.min, repetition.max, Self::of(&repetition.sub)) {
                    (0, Some(1), Self::Exactly(mut literals)) => {
                        literals.push(String::new());
                        Self::Exactly(literals)
                    }
                    (0, ..) => Self::Nothing,
                    (_, _, Self::Exactly(literals)) => Self::OneOf(literals),
                    (_, _, needs) => needs,
                }
            }
            HirKind::Concat(parts) => Self::of_sequence(parts),
            HirKind::Alternation(choices) => Self::of_choice(choices),
        }
    }

    /// A few characters are as good as literals.
    fn of_class(class: &Class) -> Self {
        let Class::Unicode(class) = class else {
            return Self::Nothing;
        };
        let characters = || {
            class
                .ranges()
                .iter()
                .flat_map(|range| range.start()..=range.end())
        };
        if FEW < characters().take(FEW + 1).count() {
            return Self::Nothing;
        }
        Self::Exactly(characters().map(|c| c.to_lowercase().collect()).collect())
    }

    /// Parts in a row: literals that follow each other are joined, and the best of what is needed
    /// is enough.
    fn of_sequence(parts: &[Hir]) -> Self {
        let mut best: Option<Vec<String>> = None;
        let mut joined = vec![String::new()];
        let mut is_exact = true;
        for part in parts {
            match Self::of(part) {
                Self::Exactly(literals) if joined.len() * literals.len() <= MOST => {
                    joined = product(&joined, &literals);
                }
                Self::Exactly(literals) => {
                    is_exact = false;
                    best = better(best, std::mem::replace(&mut joined, literals));
                }
                Self::OneOf(literals) => {
                    is_exact = false;
                    best = better(best, std::mem::replace(&mut joined, vec![String::new()]));
                    best = better(best, literals);
                }
                Self::Nothing => {
                    is_exact = false;
                    best = better(best, std::mem::replace(&mut joined, vec![String::new()]));
                }
            }
        }
        if is_exact {
            return Self::Exactly(joined);
        }
        better(best, joined).map_or(Self::Nothing, Self::OneOf)
    }

    /// One of several: what any of them needs.
    fn of_choice(choices: &[Hir]) -> Self {
        let mut all = Vec::new();
        let mut is_exact = true;
        for choice in choices {
            match Self::of(choice) {
                Self::Exactly(literals) => all.extend(literals),
                Self::OneOf(literals) => {
                    is_exact = false;
                    all.extend(literals);
                }
                Self::Nothing => return Self::Nothing,
            }
        }
        if is_exact && all.len() <= MOST {
            Self::Exactly(all)
        } else {
            Self::OneOf(all)
        }
    }
}

/// Each of `heads` with each of `tails` behind it.
fn product(heads: &[String], tails: &[String]) -> Vec<String> {
    let pairs = heads
        .iter()
        .flat_map(|head| tails.iter().map(move |tail| (head, tail)));
    pairs.map(|(head, tail)| format!("{head}{tail}")).collect()
}

/// The one that fewer sentences have: whose shortest literal is the longest.
fn better(best: Option<Vec<String>>, other: Vec<String>) -> Option<Vec<String>> {
    let shortest = |literals: &[String]| literals.iter().map(String::len).min();
    match best {
        _ if !is_useful(&other) => best,
        Some(best) if shortest(&other) <= shortest(&best) => Some(best),
        _ => Some(other),
    }
}

/// Whether looking for them saves anything.
fn is_useful(literals: &[String]) -> bool {
    !literals.is_empty() && literals.iter().all(|literal| !literal.is_empty())
}

const FEW: usize = 4; // characters of a class
const MOST: usize = 64; // literals that are joined; a choice may have more

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::RegexBuilder;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: Option<&[&str]>) {
        let hir = regex_syntax::parse(pattern).expect("it is well formed");
        let found = Required::of(&hir);
        let found = found
            .as_ref()
            .map(|found| found.literals.iter().map(String::as_str).collect());
        assert_eq!(found, expected.map(<[&str]>::to_vec), "{pattern}");
    }

    #[test]
    fn what_is_needed_is_found() {
        check("mother", Some(&["mother"]));
        check("Mothers?|mum", Some(&["mother", "mothers", "mum"]));
        check(
            "^i (?:really )?need (.+)",
            Some(&["i need ", "i really need "]),
        );
        check("(.+) is mine$", Some(&[" is mine"]));
        check(
            "(?:want|like) to die",
            Some(&["like to die", "want to die"]),
        );
        check(r"^my (\w+) hates? me", Some(&[" hate me", " hates me"]));
        check("(?:my )+house", Some(&["house"]));
        check("apologi[sz]e", Some(&["apologise", "apologize"]));
        check(r"\bwork\b", Some(&["work"]));
        check(r"^(\w+)$", None);
        check("a|(.+)", None);
        check("(?:very )*", None);
        check("", None);
    }

    proptest! {
        /// Whatever a pattern matches has one of its literals.
        #[test]
        fn nothing_matches_without(pattern in "(\\(?[ab ]{1,3}\\)?[?+*|]?(\\[ab\\]|\\.|b?)){1,4}", text in "[aAbB ]{0,9}") {
            let built = RegexBuilder::new(&pattern).case_insensitive(true).build();
            if let (Ok(regex), Some(Required { literals, .. })) = (built, regex_syntax::parse(&pattern).ok().as_ref().and_then(Required::of))
                && let Some(found) = regex.find(&text)
            {
                let found = found.as_str().to_lowercase();
                prop_assert!(literals.iter().any(|literal| found.contains(literal)), "{:?}", literals);
            }
        }
    }
}
