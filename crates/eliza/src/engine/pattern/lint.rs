//! Warnings: what is valid in a script, but probably unintended.

use crate::engine::pattern::index::PatternSet;
use crate::engine::pattern::normalize::Folded;
use crate::engine::pattern::prefilter::{END, Literal, START};
use crate::engine::pattern::script::{Rule, Script};
use crate::engine::pattern::word_pattern::Pattern;
use crate::problem::Problem;

/// All warnings, each at the rule it is about.
pub(crate) fn lint(script: &Script) -> Vec<Problem> {
    let mut problems = script.unused.clone();
    for (index, rule) in script.rules.iter().enumerate() {
        problems.extend(unreachable(script, index));
        let begins = |other: &Rule| other.topic == rule.within;
        if rule.within.is_some() && !script.rules.iter().any(begins) {
            problems.push(at(rule, "no rule starts the topic of `within`"));
        }
    }
    problems
}

/// The patterns of a rule that are unreachable because of earlier rules.
fn unreachable(script: &Script, index: usize) -> Vec<Problem> {
    let rule = &script.rules[index];
    let mut earlier = script.rules[..index].iter();
    let takes_all = |other: &&Rule| other.patterns.is_empty() && is_tried_before(other, rule);
    if let Some(other) = earlier.find(takes_all) {
        let line = other.line;
        let what = format!("unreachable: the rule in line {line} matches everything this one does");
        return vec![at(rule, what)];
    }
    let never = rule.patterns.iter().filter_map(|pattern| {
        let (other, winner) = rivals(script, index, pattern)
            .filter(|(other, _)| is_tried_before(other, rule))
            .find(|(_, winner)| always_wins(winner, pattern))?;
        let what = format!(
            "the pattern '{}' is unreachable: '{}' in the rule in line {} matches everything it does",
            pattern.source(),
            winner.source(),
            other.line,
        );
        Some(at(rule, what))
    });
    never.collect()
}

/// The patterns of rules before `index` that may match wherever this pattern does.
fn rivals<'a>(
    script: &'a Script,
    index: usize,
    pattern: &Pattern,
) -> impl Iterator<Item = (&'a Rule, &'a Pattern)> {
    let literal = pattern.required().and_then(<[Literal]>::first);
    let numbers = literal.map(|literal| script.index.candidates(bare(&literal.text)));
    let numbers: Vec<_> = numbers.iter().flat_map(PatternSet::iter).collect();
    let indexed_patterns = numbers
        .into_iter()
        .map(|number| script.indexed_patterns[number]);
    let earlier = indexed_patterns.map(|(rule, place)| (usize::from(rule), usize::from(place)));
    earlier
        .take_while(move |(rule, _)| *rule < index)
        .filter_map(|(rule, place)| {
            let rule = &script.rules[rule];
            Some((rule, rule.patterns.get(place)?))
        })
}

/// Whether the other rule is tried wherever this one is, and always has a reply.
fn is_tried_before(other: &Rule, rule: &Rule) -> bool {
    let templates = other.replies.templates.iter();
    (!other.question || rule.question)
        && (!other.weak || rule.weak)
        && !other.capital
        && (other.within.is_none() || other.within == rule.within)
        && 2 <= templates
            .filter(|template| !template.needs_learning())
            .count()
}

/// Whether the winner matches wherever the other pattern does: it matches each literal that the
/// other requires, in any context.
fn always_wins(winner: &Pattern, other: &Pattern) -> bool {
    let Some(literals) = other.required() else {
        return false;
    };
    if winner.source() == other.source() {
        return true;
    }
    let around = |at_end: bool, at_word: bool| match (at_end, at_word) {
        (true, _) => &[""][..],
        (_, true) => &["", " "],
        _ => &["", " ", "x"],
    };
    literals.iter().all(|literal| {
        let before = around(literal.text.starts_with(START), literal.begins_word);
        let after = around(literal.text.ends_with(END), literal.ends_word);
        let mut texts = before.iter().flat_map(|before| {
            let text = bare(&literal.text);
            after
                .iter()
                .map(move |after| format!("{before}{text}{after}"))
        });
        texts.all(|text| winner.capture(&Folded::new(&text)).is_some())
    })
}

fn bare(literal: &str) -> &str {
    literal.trim_matches([START, END])
}

fn at(rule: &Rule, what: impl Into<String>) -> Problem {
    Problem {
        line: rule.line,
        column: 1,
        what: what.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::pattern::parse;

    const HEAD: &str = r#"
greeting = ["Hello."]
farewell = ["Bye."]
silence = ["Hm?", "Yes?"]
otherwise = ["Go on.", "I see."]
quit = ["quit"]
"#;

    #[track_caller]
    fn check(rules: &str, expected: &[&str]) {
        let script = parse(&format!("{HEAD}{rules}")).expect("it is well formed");
        let found: Vec<_> = lint(&script).iter().map(Problem::to_string).collect();
        assert_eq!(found, expected);
    }

    /// Two rules with one pattern each.
    fn two(first: &str, second: &str) -> String {
        [first, second]
            .map(|pattern| format!("[[rule]]\npatterns = ['{pattern}']\nreplies = ['A', 'B']\n"))
            .concat()
    }

    #[test]
    fn unreachable_patterns_are_reported() {
        let reported = "10:1: the pattern 'my mother (.+)' is unreachable: 'mother' in the rule in line 7 matches everything it does";
        check(&two("mother", "my mother (.+)"), &[reported]);
        let reported = "10:1: the pattern 'i (.+)' is unreachable: 'i (.+)' in the rule in line 7 matches everything it does";
        check(&two("i (.+)", "i (.+)"), &[reported]);
        let reported = "10:1: the pattern '^i am (.+)' is unreachable: '^i (.+)' in the rule in line 7 matches everything it does";
        check(&two("^i (.+)", "^i am (.+)"), &[reported]);
        let reported = "10:1: the pattern '^yes$' is unreachable: '^yes' in the rule in line 7 matches everything it does";
        check(&two("^yes", "^yes$"), &[reported]);
        let reported = "10:1: the pattern 'mum|mother' is unreachable: 'mother|mum' in the rule in line 7 matches everything it does";
        check(&two("mother|mum", "mum|mother"), &[reported]);
    }

    #[test]
    fn reachable_patterns_are_not_reported() {
        check(&two("mother", "my moth(.+)"), &[]);
        check(&two("my mother", "my mothers? (.+)"), &[]);
        check(&two("^mother", "my mother"), &[]);
        check(&two("mother$", "mother (.+)"), &[]);
        check(&two("^i (\\w+)$", "^i am (.+)"), &[]);
        check(&two("^yes$", "^yes"), &[]);
        check(&two("i (?:need (.+)|want)", "i want (.+)"), &[]);
        check(&two("mother", "mother|father"), &[]);
        check(&two("the", "thesis"), &[]);
        check(&two("i need", "i (.+)"), &[]);
        let once = two("mother", "my mother").replacen("['A', 'B']", "['A']", 1);
        check(&once, &[]);
        let asked = two("mother", "my mother").replacen("replies", "question = true\nreplies", 1);
        check(&asked, &[]);
    }

    #[test]
    fn a_rule_for_all_questions_hides_later_ones() {
        let all = "[[rule]]\nquestion = true\nreplies = ['A', 'B']\n";
        let reported = "10:1: unreachable: the rule in line 7 matches everything this one does";
        check(&format!("{all}{all}"), &[reported]);
    }

    #[test]
    fn unused_items_are_reported() {
        let unused = "[synonyms]\nsad = ['sad']\n[[topic]]\nname = 'work'\nreplies = ['A']\n";
        check(
            unused,
            &[
                "8:1: no pattern uses <sad>",
                "10:8: no rule starts this topic",
            ],
        );
        let within = "[[topic]]\nname = 'work'\nreplies = ['A']\n\
            [[rule]]\nwithin = 'work'\npatterns = ['yes']\nreplies = ['A', 'B']\n";
        let reported = [
            "8:8: no rule starts this topic",
            "10:1: no rule starts the topic of `within`",
        ];
        check(within, &reported);
        let learnt = "[[rule]]\nlearn = 'name'\npatterns = ['i am (.+)']\nreplies = ['A', 'B']\n";
        check(learnt, &["8:9: no reply uses {name}"]);
    }
}
