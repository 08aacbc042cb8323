use std::sync::Arc;

use super::*;
use crate::engine::doctor1966::parse;
use crate::engine::doctor1966::state::{MAX_MEMORIES, MAX_MEMORY_BYTES};
use crate::engine::{Engine, Responder};

/// A conversation with these rules, and what every script needs.
fn begin(rules: &str) -> Box<dyn Responder> {
    let text = format!(
        "() {rules}
        (NONE ((0) (ELSE 1)))
        (SHIP 9 ((0) (AHOY)))
        (MEMORY SHIP (0 = ZERO 1) (0 = ONE 1) (0 = TWO 1) (0 = THREE 1))"
    );
    let script = parse(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    Arc::new(script).begin(1)
}

fn answer(talk: &mut dyn Responder, line: &str) -> Answer {
    talk.respond(line, &mut Steps::default())
}

/// The replies to the lines of one conversation.
#[track_caller]
fn check(rules: &str, exchanges: &[(&str, &str)]) {
    let mut talk = begin(rules);
    for (input, replied) in exchanges {
        assert_eq!(answer(&mut *talk, input).text, *replied, "to {input:?}");
    }
}

/// The keywords of a line in the order in which they are tried, and the remaining words.
#[track_caller]
fn check_stack(rules: &str, line: &str, keywords: &[&str], left: &str) {
    let mut talk = begin(rules);
    let mut steps = Steps::recorded();
    talk.respond(line, &mut steps);
    let (mut found, mut words) = (Vec::new(), Vec::new());
    for step in steps.into_vec() {
        match step {
            Step::Keywords { stack } => found = stack,
            Step::Matched { parts, .. } if words.is_empty() => words = parts,
            _ => (),
        }
    }
    let found: Vec<_> = found.iter().map(|keyword| keyword.word.as_str()).collect();
    assert_eq!(
        (found.as_slice(), words.join(" ").as_str()),
        (keywords, left),
        "{line:?}"
    );
}

const LETTERS: &str = "(A 1 ((0) (1))) (B 2 ((0) (1))) (C 2 ((0) (1))) (D ((0) (1))) (E ((0) (1)))";

#[test]
fn the_keyword_stack_is_not_sorted() {
    check_stack(LETTERS, "x", &[], "X");
    check_stack(LETTERS, "d x e", &["D", "E"], "D X E");
    check_stack(LETTERS, "e d a b", &["B", "A", "E", "D"], "E D A B");
    check_stack(LETTERS, "a b c", &["B", "A", "C"], "A B C"); // equal precedence: at the end
    check_stack(LETTERS, "c a b", &["C", "A", "B"], "C A B");
    check_stack(LETTERS, "d a d d", &["A", "D", "D", "D"], "D A D D"); // once for each occurrence
}

#[test]
fn only_the_first_clause_with_keywords_counts() {
    check_stack(LETTERS, "x, y. z but d y", &["D"], "D Y");
    check_stack(LETTERS, "d y, b", &["D"], "D Y");
    check_stack(LETTERS, "d y. b", &["D"], "D Y");
    check_stack(LETTERS, "d y but b", &["D"], "D Y");
    check_stack(LETTERS, "d y? b", &["D"], "D Y");
    check_stack(LETTERS, "x! d; b", &["D"], "D");
    check_stack(LETTERS, "x, d. y, b", &["D"], "D");
    check_stack(LETTERS, "x buttons d", &["D"], "X BUTTONS D");
    check(
        LETTERS,
        &[
            ("x, y", "ELSE Y"),
            ("x.", "ELSE"),
            ("x but", "ELSE"),
            ("", "ELSE"),
        ],
    );
}

#[test]
fn a_word_is_substituted_once_and_its_original_is_pushed() {
    let rules = "(I = YOU ((0 YOU 0) (NOT 3))) (YOU = I ((0 I 0) (WELL 3))) (ME = YOU)";
    check(
        rules,
        &[
            ("I see ships", "NOT SEE SHIPS"),
            ("you see me", "WELL SEE YOU"),
            ("give me", "ELSE GIVE YOU"),
            ("tell me, you said so", "WELL SAID SO"),
        ],
    );
}

#[test]
fn only_rules_that_can_answer_make_keywords() {
    check_stack(
        "(A DLIST(/X)) (B = C) (C 5) (D (=SHIP))",
        "a b c d",
        &["D"],
        "A C C D",
    );
    check("(A DLIST(/X))", &[("a", "ELSE A")]);
}

#[test]
fn none_in_the_input_is_not_a_keyword() {
    check(
        "(K ((0) (=NONE)))",
        &[
            ("none", "ELSE NONE"),
            ("none, x", "ELSE X"),
            ("k", "ELSE K"),
        ],
    );
}

#[test]
fn parts_are_numbered_and_replies_rotate() {
    let rules = "(K ((0 K 1 (*A B) 0 (/T)) (5 / 4 / 3 / 2 / 1) (6 6) ()) ((0) (NO))) (X DLIST(/T))";
    check(
        rules,
        &[
            ("so k is a nice X", "NICE / A / IS / K / SO"),
            ("so k is b x", "X X"),
            ("k a a x", ""),
            ("k a a x", "/ A / A / K /"),
            ("k a c x", "NO"),
            ("k a a y", "NO"),
        ],
    );
    check(
        "(K ((0) (OH, 1 (K 1) - 'X')))",
        &[("a k", "OH, A K (K 1) - 'X'")],
    );
}

#[test]
fn the_counter_selects_the_reply_if_nothing_matches() {
    check(
        "(K ((X) (Y)))",
        &[
            ("k", "HMMM"),
            ("", "ELSE"),
            ("k", "I SEE"),
            ("k", "PLEASE CONTINUE"),
            ("k ship", "AHOY"),
            ("k", "GO ON , PLEASE"),
        ],
    );
    // The other keywords are not tried.
    check("(K 10 ((X) (Y)))", &[("k ship", "HMMM")]);
}

#[test]
fn newkey_continues_with_the_next_keyword() {
    let rules = "(K 5 ((0) (NEWKEY) (KEPT))) (L 4 ((0) (NEWKEY))) (M ((0) (LAST)))";
    let mut talk = begin(rules);
    for (input, replied, source) in [
        ("k x", "ELSE K X", Source::Fallback),
        ("k x", "KEPT", Source::Rule),
        ("l k", "ELSE L K", Source::Fallback),
        ("l k", "KEPT", Source::Rule),
        ("l m k", "LAST", Source::Rule),
        ("k l m", "KEPT", Source::Rule),
        ("l", "ELSE L", Source::Fallback),
    ] {
        let answer = answer(&mut *talk, input);
        assert_eq!(
            (answer.text.as_str(), answer.source),
            (replied, source),
            "to {input:?}"
        );
    }
}

#[test]
fn a_reference_keeps_the_words() {
    let rules = "(A (=B)) (B ((0 X 0) (GOT 3) (=C)) (=C)) (C ((0) (SEE 1)))";
    check(
        rules,
        &[("a x y", "GOT Y"), ("a x y", "SEE A X Y"), ("b", "SEE B")],
    );
}

#[test]
fn a_reference_comes_before_the_other_keywords() {
    let rules = "(A 2 (=B)) (B ((0) (GOT 1))) (C 1 ((0) (NO)))
        (D 2 ((0) (=B))) (E 2 ((0) (PRE (1 TOO) (=B))))";
    check(
        rules,
        &[
            ("a c", "GOT A C"),
            ("c d", "GOT C D"),
            ("c e", "GOT C E TOO"),
        ],
    );
}

#[test]
fn pre_rewrites_the_words_before_a_reference() {
    let rules =
        "(I'M = YOU'RE ((0 YOU'RE 0) (PRE (YOU ARE 3) (=I)))) (I = YOU ((0 YOU ARE 0) (WHY 4)))
        (N ((0) (PRE (A , 1 BUT (ME 2) ME) (=M)))) (M ((0 A 0 ME) (2 3 4))) (ME = YOU)";
    check(
        rules,
        &[
            ("well I'm late", "WHY LATE"),
            // A rewrite is not split, substituted or cut at delimiters.
            ("n", "A , N BUT (ME 2) ME"),
        ],
    );
}

#[test]
fn memories_are_recalled_at_limit_four_without_a_keyword() {
    // The hash selects the last for HERE, the first for TIME and the second for KIDS.
    check(
        "(BOAT (=SHIP))",
        &[
            ("my ship is here", "AHOY"),
            ("x", "ELSE X"),
            ("my ship in time", "AHOY"),
            ("x", "ELSE X"),
            ("a boat for kids", "AHOY"), // a reference counts
            ("x", "ELSE X"),
            ("x", "THREE MY SHIP IS HERE"),
            ("x", "ELSE X"),
            ("x", "ELSE X"),
            ("x", "ELSE X"),
            ("ship", "AHOY"),
            ("x", "ELSE X"),
            ("x", "ELSE X"),
            ("x", "ELSE X"),
            (" , . but", "ZERO MY SHIP IN TIME"),
            ("x", "ELSE X"),
            ("x", "ELSE X"),
            ("x", "ELSE X"),
            ("x", "ONE A BOAT FOR KIDS"),
        ],
    );
}

#[test]
fn a_memory_contains_the_substituted_words() {
    let text = "() (NONE ((0) (ELSE))) (SHIP = BOAT ((0) (AHOY))) (TUG (=SHIP))
        (SUB ((0) (PRE (DEEP SHIP HERE) (=SHIP))))
        (MEMORY SHIP (0 BOAT 0 = A 3) (0 = B 1) (X = C) (0 SHIP 0 = D 1 3))";
    let script = Arc::new(parse(text).expect("it is a script"));
    let mut talk = script.begin(1);
    let mut memory_after = |line| {
        let _ = answer(&mut *talk, line);
        talk.memory()
    };
    assert_eq!(memory_after("ship in time"), ["A IN TIME"]);
    assert_eq!(memory_after("tug in time").len(), 1); // which is not BOAT
    assert_eq!(
        memory_after("sub").last().map(String::as_str),
        Some("D DEEP HERE")
    );
    assert_eq!(memory_after("ship at GLOUCESTERSHIRE").len(), 2);
}

#[test]
fn a_full_memory_keeps_the_oldest() {
    let mut talk = begin("");
    for _ in 0..3 * MAX_MEMORIES {
        let _ = answer(&mut *talk, "ship time");
    }
    assert_eq!(talk.memory(), vec!["ZERO SHIP TIME"; MAX_MEMORIES]);
    let mut talk = begin("");
    let long = format!("ship {} time", "x".repeat(MAX_MEMORY_BYTES - 100));
    for _ in 0..9 {
        let _ = answer(&mut *talk, &long);
    }
    assert_eq!(talk.memory().len(), 2);
    let _ = answer(&mut *talk, "x");
    assert_eq!(answer(&mut *talk, "x").source, Source::Memory);
    let _ = answer(&mut *talk, &long);
    assert_eq!(talk.memory().len(), 2);
}

#[test]
fn an_endless_script_is_stopped_and_the_conversation_continues() {
    for rules in [
        "(A (=B)) (B (=A))",
        "(A ((0) (=A)))",
        "(A ((0) (PRE (1) (=A))))",
        "(A ((0) (PRE (1 1) (=A))))",
        "(A ((0) (PRE () (=B)))) (B ((0) (=A)))",
    ] {
        let mut talk = begin(rules);
        for line in ["a", "a b c", &"a ".repeat(2 * MAX_WORDS)] {
            let answer = answer(&mut *talk, line);
            assert_eq!(
                (answer.text.as_str(), answer.source),
                (EXHAUSTED, Source::Exhausted)
            );
        }
        assert_eq!(answer(&mut *talk, "ship").text, "AHOY");
    }
    let none = "() (NONE ((0) (NEWKEY))) (A ((0) (B))) (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))";
    let mut talk = Arc::new(parse(none).expect("it is a script")).begin(1);
    assert_eq!(answer(&mut *talk, "x").source, Source::Exhausted);
    assert_eq!(answer(&mut *talk, "a").text, "B");
}

#[test]
fn the_limits_on_rounds_and_words_are_exact() {
    let chain = |length: usize| {
        let rules: String = (1..length)
            .map(|n| format!("(K{n} (=K{}))", n + 1))
            .collect();
        let mut talk = begin(&format!("{rules} (K{length} ((0) (THERE)))"));
        answer(&mut *talk, "k1").text
    };
    assert_eq!(chain(MAX_ROUNDS), "THERE");
    assert_eq!(chain(MAX_ROUNDS + 1), EXHAUSTED);
    let growing = |length: usize| {
        let mut talk = begin(&format!("(A (({length}) (THERE)) ((0) (PRE (1 X) (=A))))"));
        answer(&mut *talk, "a").text
    };
    assert_eq!(growing(MAX_WORDS), "THERE");
    assert_eq!(growing(MAX_WORDS + 1), EXHAUSTED);
}

#[test]
fn comparisons_are_limited() {
    let pattern = "A ".repeat(MAX_WORDS / 2);
    let patterns = format!("((0 {pattern} X 0) (Y))").repeat(200);
    let mut talk = begin(&format!("(A {patterns} ((0) (THERE)))"));
    assert_eq!(
        answer(&mut *talk, &"a ".repeat(MAX_WORDS)).source,
        Source::Exhausted
    );
    assert_eq!(answer(&mut *talk, "a b").text, "THERE");
    // Many empty pieces are work as well.
    let pieces = "1 ".repeat(100_000);
    let mut talk = begin(&format!("(A ((0 0) (PRE ({pieces}) (=A))))"));
    assert_eq!(answer(&mut *talk, "a").source, Source::Exhausted);
}

#[test]
fn the_trace_of_a_long_line_is_limited() {
    let mut talk = begin("(A ((0) (=A)))");
    let mut steps = Steps::recorded();
    talk.respond(&"a ".repeat(MAX_WORDS), &mut steps);
    assert!(steps.into_vec().len() <= 4 * MAX_COMPARISONS / MAX_WORDS);
}

#[test]
fn a_reply_is_cut_after_a_word() {
    let mut talk = begin("(A ((0) (1 1 1 1 1 1 1 1 1))) (B ((1 0) (2 2)))");
    let text = answer(&mut *talk, &"abc a".repeat(300)).text;
    assert!(text.len() <= MAX_REPLY_BYTES);
    let text = answer(&mut *talk, &"abcdef a ".repeat(150)).text;
    assert!((MAX_REPLY_BYTES - 7..=MAX_REPLY_BYTES).contains(&text.len()));
    assert!(text.ends_with(" ABCDEF") || text.ends_with(" A"));
    // A single long word is cut.
    let text = answer(&mut *talk, &format!("b {}", "é".repeat(MAX_REPLY_BYTES))).text;
    assert_eq!(text, "É".repeat(MAX_REPLY_BYTES / 2));
    assert_eq!(
        cut("x".repeat(MAX_REPLY_BYTES) + " y").len(),
        MAX_REPLY_BYTES
    );
}

#[test]
fn unusual_lines_are_answered() {
    check(
        "(K ((0) (1)))",
        &[
            (
                "\u{fffd}\u{0} K\tstraße\u{a0}\u{1b}]",
                "\u{fffd} K STRASSE ]",
            ),
            ("\u{2003}\r\n", "ELSE"),
            ("\"k’s\" k “ü”", "K'S K Ü"),
            ("Ελλάδα κ", "ELSE ΕΛΛΆΔΑ Κ"),
        ],
    );
}

#[test]
fn the_steps_explain_the_reply() {
    let mut talk = begin("(ME = YOU) (A 2 ((0 A 0) (PRE (3) (=B)) (NEWKEY))) (B ((X) (Y)))");
    let mut steps = |line| {
        let mut steps = Steps::recorded();
        let answer = talk.respond(line, &mut steps);
        (steps.into_vec(), answer.source)
    };
    let words = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let owned = str::to_owned;
    let keyword = |word: &str, precedence| Keyword {
        word: owned(word),
        precedence,
    };
    assert_eq!(
        steps("oh, give me a toy, b"),
        (
            vec![
                Step::Limit { limit: 2 },
                Step::Read {
                    words: words("OH , GIVE ME A TOY , B")
                },
                Step::Discarded {
                    words: words("OH ,")
                },
                Step::Substituted {
                    word: owned("ME"),
                    by: owned("YOU")
                },
                Step::Discarded {
                    words: words(", B")
                },
                Step::Keywords {
                    stack: vec![keyword("A", 2)]
                },
                Step::Matched {
                    keyword: Some(owned("A")),
                    line: 1,
                    pattern: owned("(0 A 0)"),
                    parts: words("GIVE_YOU A TOY")
                        .iter()
                        .map(|part| part.replace('_', " "))
                        .collect(),
                    reply: owned("(PRE (3) (=B))"),
                },
                Step::Rewritten {
                    words: words("TOY")
                },
                Step::Referred { to: owned("B") },
                Step::Unmatched {
                    keyword: owned("B"),
                    line: 1
                },
            ],
            Source::NoMatch,
        )
    );
    let (recorded, source) = steps("a ship");
    assert_eq!(source, Source::Rule);
    assert_eq!(
        recorded[2],
        Step::Keywords {
            stack: vec![keyword("SHIP", 9), keyword("A", 2)]
        }
    );
    assert_eq!(
        recorded[3],
        Step::Remembered {
            text: owned("ZERO A SHIP")
        }
    );
    assert!(matches!(&recorded[4], Step::Matched { line: 3, .. }));
    let (recorded, source) = steps("a");
    assert_eq!(source, Source::Fallback);
    assert_eq!(recorded[4], Step::NewKey);
    assert!(matches!(&recorded[5], Step::Matched { keyword: Some(none), .. } if none == "NONE"));
}

#[test]
fn a_memory_that_does_not_match_is_recorded() {
    let text = "() (NONE ((0) (1))) (A ((0) (B))) (MEMORY A (X = 1) (X = 1) (X = 1) (X = 1))";
    let mut talk = Arc::new(parse(text).expect("it is a script")).begin(1);
    let mut steps = Steps::recorded();
    talk.respond("a", &mut steps);
    let expected = Step::NotRemembered {
        pattern: "X".to_owned(),
    };
    assert!(steps.into_vec().contains(&expected));
}
