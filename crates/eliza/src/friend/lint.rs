//! What a friend's script surely does not mean.

use crate::friend::pattern::Pattern;
use crate::friend::required::{END, START};
use crate::friend::script::{Rule, Script};
use crate::problem::Problem;

/// What is surely not meant, each at the rule that it is about.
pub(crate) fn lint(script: &Script) -> Vec<Problem> {
    let mut problems = script.unused.clone();
    for (index, rule) in script.rules.iter().enumerate() {
        let earlier = &script.rules[..index];
        problems.extend(unreachable(rule, earlier));
        let begins = |other: &Rule| other.topic == rule.within;
        if rule.within.is_some() && !script.rules.iter().any(begins) {
            problems.push(at(rule, "no rule begins the topic that it is within"));
        }
    }
    problems
}

/// The patterns of a rule that no sentence can reach, because of the rules before it.
fn unreachable(rule: &Rule, earlier: &[Rule]) -> Vec<Problem> {
    let rivals = || earlier.iter().filter(|other| is_tried_before(other, rule));
    if let Some(other) = rivals().find(|other| other.patterns.is_empty()) {
        let line = other.line;
        return vec![at(
            rule,
            format!("never reached: the rule in line {line} takes all that it could"),
        )];
    }
    let never = rule.patterns.iter().filter_map(|pattern| {
        let (other, winner) = rivals().find_map(|other| {
            let winner = other.patterns.iter().find(|winner| always_wins(winner, pattern));
            Some((other, winner?))
        })?;
        let what = format!(
            "the pattern '{}' is never reached: '{}' in the rule of line {} takes all that it could",
            pattern.written(),
            winner.written(),
            other.line,
        );
        Some(at(rule, what))
    });
    never.collect()
}

/// Whether the other rule is asked wherever this one is, and has always something to say.
fn is_tried_before(other: &Rule, rule: &Rule) -> bool {
    (!other.question || rule.question)
        && (!other.weak || rule.weak)
        && (!other.capital || rule.capital)
        && (other.within.is_none() || other.within == rule.within)
        && 2 <= other
            .replies
            .templates
            .iter()
            .filter(|template| !template.needs_learning())
            .count()
}

/// Whether the winner matches wherever the other pattern does. Only what is certain counts.
fn always_wins(winner: &Pattern, other: &Pattern) -> bool {
    if winner.text() == other.text() {
        return winner.parts() == other.parts();
    }
    // What it captures may be too long to be said, and then others have their turn.
    if winner.parts() != 0 || winner.is_anchored() {
        return false;
    }
    let Some(required) = other.required() else {
        return false;
    };
    // What is not the whole pattern may stand within a word.
    let around = if required.are_all {
        &["", " "][..]
    } else {
        &["", " ", "x"]
    };
    let places = |before: &'static str| around.iter().map(move |after| (before, *after));
    required.literals.iter().all(|literal| {
        let text = literal.text.trim_matches([START, END]);
        let mut places = around.iter().flat_map(|before| places(before));
        places.all(|(before, after)| winner.is_in(&format!("{before}{text}{after}")))
    })
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

    const HEAD: &str = r#"
greeting = ["Hello."]
farewell = ["Bye."]
silence = ["Hm?", "Yes?"]
otherwise = ["Go on.", "I see."]
quit = ["quit"]
"#;

    #[track_caller]
    fn check(rules: &str, expected: &[&str]) {
        let script = Script::parse(&format!("{HEAD}{rules}")).expect("it is well formed");
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
    fn what_an_earlier_rule_takes_is_told() {
        let told = "10:1: the pattern 'my mother (.+)' is never reached: 'mother' in the rule of line 7 takes all that it could";
        check(&two("mother", "my mother (.+)"), &[told]);
        let told = "10:1: the pattern 'i (.+)' is never reached: 'i (.+)' in the rule of line 7 takes all that it could";
        check(&two("i (.+)", "i (.+)"), &[told]);
        let told = "10:1: the pattern 'mum|mother' is never reached: 'mother|mum' in the rule of line 7 takes all that it could";
        check(&two("mother|mum", "mum|mother"), &[told]);
    }

    #[test]
    fn what_may_be_reached_is_left_alone() {
        check(&two("mother", "my moth(.+)"), &[]);
        check(&two("my mother", "my mothers? (.+)"), &[]);
        check(&two("^mother", "my mother"), &[]);
        check(&two("mother$", "mother (.+)"), &[]);
        check(&two("mother (.+)", "mother is (.+)"), &[]);
        check(&two("mother", "mother|father"), &[]);
        check(&two("the", "thesis"), &[]);
        check(&two("i need", "i (.+)"), &[]);
        let once = two("mother", "my mother").replacen("['A', 'B']", "['A']", 1);
        check(&once, &[]);
        let asked = two("mother", "my mother").replacen("replies", "question = true\nreplies", 1);
        check(&asked, &[]);
    }

    #[test]
    fn what_takes_all_questions_leaves_none() {
        let all = "[[rule]]\nquestion = true\nreplies = ['A', 'B']\n";
        let told = "10:1: never reached: the rule in line 7 takes all that it could";
        check(&format!("{all}{all}"), &[told]);
    }

    #[test]
    fn what_is_not_used_is_told() {
        let unused = "[synonyms]\nsad = ['sad']\n[[topic]]\nname = 'work'\nreplies = ['A']\n";
        check(
            unused,
            &[
                "8:1: no pattern uses <sad>",
                "10:8: no rule begins this topic",
            ],
        );
        let within = "[[topic]]\nname = 'work'\nreplies = ['A']\n\
            [[rule]]\nwithin = 'work'\npatterns = ['yes']\nreplies = ['A', 'B']\n";
        let told = [
            "8:8: no rule begins this topic",
            "10:1: no rule begins the topic that it is within",
        ];
        check(within, &told);
        let learnt = "[[rule]]\nlearn = 'name'\npatterns = ['i am (.+)']\nreplies = ['A', 'B']\n";
        check(learnt, &["8:9: no reply uses {name}"]);
    }
}
