//! Extracts the literals that a pattern requires.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A text in lower case, and whether word boundaries must surround it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Literal {
    pub(crate) text: String, // with START or END if it is at that end of the sentence
    pub(crate) begins_word: bool,
    pub(crate) ends_word: bool,
}

/// Marks the start of a sentence in a literal.
pub(crate) const START: char = '\u{2}';
/// Marks the end of a sentence in a literal.
pub(crate) const END: char = '\u{3}';
const BOUNDARY: char = '\u{1}'; // the start or end of a word or sentence

/// Literals of which at least one is in every text that this pattern matches between whole words.
/// `None` if there are none or they are not selective.
pub(crate) fn literals(pattern: &Hir) -> Option<Vec<Literal>> {
    let boundary = || Hir::look(Look::WordUnicode);
    let whole = Hir::concat(vec![boundary(), pattern.clone(), boundary()]);
    let (Needs::Exactly(mut texts) | Needs::OneOf(mut texts)) = Needs::of(&whole) else {
        return None;
    };
    texts.sort_unstable();
    texts.dedup();
    is_selective(&texts).then(|| texts.iter().map(|text| Literal::new(text)).collect())
}

impl Literal {
    fn new(text: &str) -> Self {
        let core = text.trim_matches(BOUNDARY);
        Self {
            begins_word: text.starts_with(BOUNDARY) && core.starts_with(is_word),
            ends_word: text.ends_with(BOUNDARY) && core.ends_with(is_word),
            text: core.replace(BOUNDARY, ""),
        }
    }
}

/// Whether it is part of a word, like `\w` without the marks that folding removes.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What a part of a pattern requires.
enum Needs {
    /// It matches exactly these texts, in any case.
    Exactly(Vec<String>),
    /// Every match contains one of these texts.
    OneOf(Vec<String>),
    Nothing,
}

impl Needs {
    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Look(Look::Start) => Self::Exactly(vec![START.into()]),
            HirKind::Look(Look::End) => Self::Exactly(vec![END.into()]),
            HirKind::Look(Look::WordUnicode) => Self::Exactly(vec![BOUNDARY.into()]),
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

    /// A small class is a choice of literals.
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
        if SMALL_CLASS < characters().take(SMALL_CLASS + 1).count() {
            return Self::Nothing;
        }
        Self::Exactly(characters().map(|c| c.to_lowercase().collect()).collect())
    }

    /// A sequence: adjacent literals are joined, and the most selective requirement is kept.
    fn of_sequence(parts: &[Hir]) -> Self {
        let mut best: Option<Vec<String>> = None;
        let mut joined = vec![String::new()];
        let mut is_exact = true;
        for part in parts {
            match Self::of(part) {
                Self::Exactly(literals) if joined.len() * literals.len() <= MAX_JOINED => {
                    joined = product(&joined, &literals);
                }
                Self::Exactly(literals) => {
                    is_exact = false;
                    best = more_selective(best, std::mem::replace(&mut joined, literals));
                }
                Self::OneOf(literals) => {
                    is_exact = false;
                    best =
                        more_selective(best, std::mem::replace(&mut joined, vec![String::new()]));
                    best = more_selective(best, literals);
                }
                Self::Nothing => {
                    is_exact = false;
                    best =
                        more_selective(best, std::mem::replace(&mut joined, vec![String::new()]));
                }
            }
        }
        if is_exact {
            return Self::Exactly(joined);
        }
        more_selective(best, joined).map_or(Self::Nothing, Self::OneOf)
    }

    /// A choice: the union of the requirements.
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
        if is_exact && all.len() <= MAX_JOINED {
            Self::Exactly(all)
        } else {
            Self::OneOf(all)
        }
    }
}

/// Each of `heads` followed by each of `tails`.
fn product(heads: &[String], tails: &[String]) -> Vec<String> {
    let pairs = heads
        .iter()
        .flat_map(|head| tails.iter().map(move |tail| (head, tail)));
    pairs.map(|(head, tail)| format!("{head}{tail}")).collect()
}

/// The more selective set: the one whose shortest literal is longer.
fn more_selective(best: Option<Vec<String>>, other: Vec<String>) -> Option<Vec<String>> {
    let shortest = |literals: &[String]| literals.iter().map(|literal| weight(literal)).min();
    match best {
        _ if !is_selective(&other) => best,
        Some(best) if shortest(&other) <= shortest(&best) => Some(best),
        _ => Some(other),
    }
}

/// Whether a search for them excludes any sentence.
fn is_selective(literals: &[String]) -> bool {
    let is_any = |literal: &String| 0 < weight(literal);
    (1..=MAX_LITERALS).contains(&literals.len()) && literals.iter().all(is_any)
}

/// Selectivity: the number of letters. Sentence ends are in every sentence.
fn weight(literal: &str) -> usize {
    literal.chars().filter(|&c| !c.is_control()).count()
}

const SMALL_CLASS: usize = 4; // characters of a class
const MAX_LITERALS: usize = 1000; // of one pattern
const MAX_JOINED: usize = 64; // joined literals; a choice may have more

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn required(pattern: &str) -> Option<Vec<Literal>> {
        let hir = regex_syntax::parse(pattern).ok()?;
        literals(&hir)
    }

    /// The literals, with `^` and `$` for sentence ends and `|` for word boundaries.
    #[track_caller]
    fn check(pattern: &str, expected: Option<&[&str]>) {
        let found = required(pattern).map(|literals| {
            let literals = literals.iter().map(|literal| {
                let begin = if literal.begins_word { "|" } else { "" };
                let end = if literal.ends_word { "|" } else { "" };
                format!(
                    "{begin}{}{end}",
                    literal.text.replace(START, "^").replace(END, "$")
                )
            });
            literals.collect::<Vec<_>>()
        });
        let expected = expected.map(|all| all.iter().map(ToString::to_string).collect());
        assert_eq!(found, expected, "{pattern}");
    }

    #[test]
    fn required_literals_are_found() {
        check("mother", Some(&["|mother|"]));
        check("Mothers?|mum", Some(&["|mother|", "|mothers|", "|mum|"]));
        check(
            "^i (?:really )?need (.+)",
            Some(&["^i need ", "^i really need "]),
        );
        check("(.+) is mine$", Some(&[" is mine$"]));
        check(
            "(?:want|like) to die",
            Some(&["|like to die|", "|want to die|"]),
        );
        check(r"^my (\w+) hates? me", Some(&[" hate me|", " hates me|"]));
        check("(?:my )+house", Some(&["house|"]));
        check("apologi[sz]e", Some(&["|apologise|", "|apologize|"]));
        check(r"x\bwork\b", Some(&["|xwork|"]));
        check("moth(?:.+)", Some(&["|moth"]));
        check(r"^(\w+)$", None);
        check("^$", None);
        check("a|(.+)", None);
        check("(?:very )*", None);
        check("", None);
    }

    proptest! {
        /// Every match of a pattern contains one of its literals, with the required boundaries.
        #[test]
        fn every_match_contains_a_required_literal(pattern in "\\^?(\\(?[ab ]{1,3}\\)?[?+*|]?(\\[ab\\]|\\.|b?|\\\\b)){1,4}\\$?", text in "[aAbB ]{0,9}") {
            let text = text.to_lowercase();
            let built = Regex::new(&format!(r"(?:^|\b)(?:{pattern})(?:\b|$)"));
            if let (Ok(regex), Some(literals)) = (built, required(&pattern))
                && regex.is_match(&text)
            {
                let text = format!("{START}{text}{END}");
                let stands = |literal: &Literal| {
                    (0..text.len()).any(|at| {
                        let after = text[at..].strip_prefix(&literal.text);
                        after.is_some_and(|after| {
                            let in_word = literal.begins_word && text[..at].ends_with(is_word)
                                || literal.ends_word && after.starts_with(is_word);
                            !in_word
                        })
                    })
                };
                prop_assert!(literals.iter().any(stands), "{:?}", literals);
            }
        }
    }
}
