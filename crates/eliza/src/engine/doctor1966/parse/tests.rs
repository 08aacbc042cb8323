use super::*;
use crate::engine::Engine;

/// What every script needs.
const REST: &str = "(NONE ((0) (GO ON))) (SHIP ((0) (AHOY)))
(MEMORY SHIP (0 = A 1) (0 = B 1) (0 = C 1) (0 = D 1))";

/// A script with this rule in its second line, and what every script needs.
fn with(rule: &str) -> String {
    format!("(HELLO)\n{rule}\n{REST}")
}

fn problems(text: &str) -> Vec<String> {
    let error = parse(text).expect_err("something is wrong with it");
    error.problems().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(rule: &str, expected: &[&str]) {
    assert_eq!(problems(&with(rule)), expected, "{rule}");
}

#[test]
fn each_syntax_error_has_its_position() {
    check("(", &["3:1: expected ')' before the next rule"]);
    check(")", &["2:1: expected '(' and a rule, found ')'"]);
    check("word 4", &["2:1: expected '(' and a rule, found a word"]);
    check("((0) (A))", &["2:2: expected a keyword, or ')', found '('"]);
    check(
        "(5 ((0) (A)))",
        &["2:2: expected a keyword, or ')', found a number"],
    );
    check("(A)", &["2:2: the rule of A is empty"]);
    check(
        "(A) (A)",
        &[
            "2:2: the rule of A is empty",
            "2:6: A already has a rule, in line 2",
        ],
    );
    check("(A) (B (=A))", &["2:2: the rule of A is empty"]);
    check(
        "(A B)",
        &["2:4: expected '(', ')', '=', a precedence or DLIST, found a word"],
    );
    check("(A = )", &["2:6: expected a word after '=', found ')'"]);
    check(
        "(A = 4)",
        &["2:6: expected a word after '=', found a number"],
    );
    check(
        "(A DLIST)",
        &["2:9: expected '(' and the tags of DLIST, found ')'"],
    );
    check("(A DLIST())", &["2:10: expected a tag, found ')'"]);
    check(
        "(A DLIST(/))",
        &["2:11: expected something after '/', found ')'"],
    );
    check(
        "(A (B))",
        &["2:5: expected '(' and a pattern, or '=' and a keyword, found a word"],
    );
    check("(A ((0)))", &["2:8: expected '(' and a reply, found ')'"]);
    check(
        "(A ((0) B))",
        &["2:9: expected '(' and a reply, found a word"],
    );
    check("(A (() (B)))", &["2:5: the pattern is empty"]);
    check(
        "(A ((0 =) (B)))",
        &["2:8: expected a term of the pattern, or ')', found '='"],
    );
    check(
        "(A ((0 (B)) (C)))",
        &["2:9: expected '*' and words, or '/' and tags, found a word"],
    );
    check(
        "(A ((0 ()) (C)))",
        &["2:9: expected '*' and words, or '/' and tags, found ')'"],
    );
    check(
        "(A ((0 (*)) (C)))",
        &["2:10: expected something after '*', found ')'"],
    );
    check(
        "(A ((0 (/ (B))) (C)))",
        &["2:11: expected a tag, found '('"],
    );
    check(
        "(A ((0) (B (C (D)))))",
        &["2:15: expected a word, or ')', found '('"],
    );
    check(
        "(A ((0) (B = C)))",
        &["2:12: expected a word, the number of a part, or ')', found '='"],
    );
    check(
        "(A ((0) (=SHIP B)))",
        &["2:16: expected ')' after the keyword, found a word"],
    );
    check(
        "(A ((0) (PRE (B))))",
        &["2:17: expected '(' and '=' and a keyword, found ')'"],
    );
    check(
        "(A ((0) (PRE (B) (C))))",
        &["2:19: expected '=' and a keyword, found a word"],
    );
    check(
        "(A ((0) (PRE (B) (=SHIP) C)))",
        &["2:26: expected ')': nothing follows a reference, found a word"],
    );
    check(
        "(A (=SHIP) 5)",
        &["2:12: expected ')': nothing follows a reference, found a number"],
    );
    check("(A (=))", &["2:6: expected a keyword after '=', found ')'"]);
}

#[test]
fn unresolved_references_are_reported() {
    check(
        "(A ((0 B) (0)))",
        &["2:12: there is no part 0: the pattern has 2 terms"],
    );
    check(
        "(A ((0) (WHAT 1 2)))",
        &["2:17: there is no part 2: the pattern has 1 term"],
    );
    check(
        "(A ((0) (PRE (B 7) (=SHIP))))",
        &["2:17: there is no part 7: the pattern has 1 term"],
    );
    check("(A (=NOBODY))", &["2:6: NOBODY has no rule"]);
    check("(A ((0) (=NOBODY)))", &["2:11: NOBODY has no rule"]);
    check(
        "(A ((0) (PRE (B) (=NOBODY))))",
        &["2:20: NOBODY has no rule"],
    );
    check("(A (=MEMORY))", &["2:6: MEMORY has no rule"]);
    check(
        "(A = B) (C (=A))",
        &["2:14: the rule of A has neither transformations nor a reference"],
    );
    check(
        "(A = B) (A = C)",
        &["2:10: A already has a rule, in line 2"],
    );
    check(
        "(ship = BOAT)",
        &["3:23: SHIP already has a rule, in line 2"],
    );
    check(
        "(MEMORY SHIP (0 = A))",
        &[
            "2:2: MEMORY needs four transformations, found 1",
            "4:2: MEMORY already has a rule, in line 2",
        ],
    );
}

#[test]
fn missing_rules_are_reported_at_the_end() {
    assert_eq!(
        problems("()"),
        ["1:3: missing rule MEMORY", "1:3: missing rule NONE"]
    );
    assert_eq!(
        problems("() (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))\n(NONE 5)"),
        [
            "1:12: A, the keyword of MEMORY, has no rule",
            "2:2: NONE has neither transformations nor a reference",
        ]
    );
    assert_eq!(
        problems("() (NONE) (A 5) (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))"),
        ["1:5: the rule of NONE is empty"]
    );
    let memory = "(NONE (=A)) (A ((0) (1)))\n(MEMORY";
    let check = |rest: &str, expected: &[&str]| {
        assert_eq!(problems(&format!("() {memory} {rest}")), expected, "{rest}");
    };
    let two = "(0 = 1) (0 = 1)";
    check(
        &format!("NONE {two} {two})"),
        &["2:9: NONE, the keyword of MEMORY, has no rule"],
    );
    check(
        "(0 = 1))",
        &["2:9: expected the keyword of MEMORY, found '('"],
    );
    check(
        &format!("A {two} (0 = 1))"),
        &["2:2: MEMORY needs four transformations, found 3"],
    );
    check(
        &format!("A {two} {two} {two})"),
        &["2:2: MEMORY needs four transformations, found 6"],
    );
    check(
        &format!("A {two} (0 = 2) (0 =))"),
        &[
            "2:32: there is no part 2: the pattern has 1 term",
            "2:39: a reply to remember is missing",
        ],
    );
    check(
        &format!("A {two} (0 1) (0 = 1))"),
        &["2:31: expected a term of the pattern, or '=', found ')'"],
    );
    check(
        &format!("A {two} (= 1) (0 = 1))"),
        &[
            "2:28: the pattern is empty",
            "2:30: there is no part 1: the pattern has 0 terms",
        ],
    );
    check(
        &format!("A {two} {two} END)"),
        &["2:43: expected '(' and a transformation, or ')', found a word"],
    );
    check(
        &format!("A {two} {two}"),
        &["2:42: expected '(' and a transformation, or ')', found the end"],
    );
}

#[test]
fn the_greeting_is_a_list_of_words() {
    let opening = |text: &str| problems(&format!("{text}\n{REST}"));
    assert_eq!(
        opening("HELLO"),
        ["1:1: expected '(' and the greeting, found a word"]
    );
    assert_eq!(
        opening("(HELLO = YOU)"),
        ["1:8: expected a word of the greeting, or ')', found '='"]
    );
    assert_eq!(
        opening("(HELLO"),
        ["2:1: expected ')' before the next rule"]
    );
    let long = "YOU ".repeat(MAX_REPLY_BYTES / 4 + 1);
    assert_eq!(
        opening(&format!("({long})")),
        ["1:1: the greeting has at most 4096 bytes"]
    );
    assert_eq!(
        problems(""),
        [
            "1:1: expected '(' and the greeting, found the end",
            "1:1: missing rule MEMORY",
            "1:1: missing rule NONE",
        ]
    );
}

#[test]
fn parsing_continues_after_an_error() {
    let text = with(
        "(A ((0) (B)
(C ((0) (=A) (=D) (=E)))
(D ((0) (1) 5)
   ((0) (2)))
(E (0)) (F ((0) (3)))
(G ((0)
    (=E) (4)))",
    );
    assert_eq!(
        problems(&text),
        [
            "3:1: expected ')' before the next rule",
            "4:13: expected '(' and a reply, or ')', found a number",
            "6:5: expected '(' and a pattern, or '=' and a keyword, found a number",
            "6:18: there is no part 3: the pattern has 1 term",
            "8:11: there is no part 4: the pattern has 1 term",
        ]
    );
}

#[test]
fn nested_lists_at_the_margin_are_not_rules() {
    let rest = "(NONE ((0) (1))) (Z ((0) (1)))";
    assert_eq!(
        problems(&format!(
            "() {rest}\n(MEMORY Z\n(0 Z 0 = A)\n(0 Z 0 = B)\n(0 Z 0 C)\n(0 Z 0 = D))"
        )),
        ["5:9: expected a term of the pattern, or '=', found ')'"]
    );
    check(
        "(A ((0 X) 5\n(HELLO)\n(=B))\n((0)\n(YES)))\n(C (=D))",
        &[
            "2:11: expected '(' and a reply, found a number",
            "7:6: D has no rule",
        ],
    );
    // One rule is open, and the others are not.
    check(
        "(A ((0 B)\n(X = 4)))\n(C ((0 B)\n(E)\n((0) (5)))",
        &[
            "3:4: expected a word, the number of a part, or ')', found '='",
            "7:1: expected ')' before the next rule",
        ],
    );
}

#[test]
fn a_comment_ends_with_its_line() {
    check(
        "; one\x0b; two\x0c; three\r\n; four\r(A (B))",
        &["6:5: expected '(' and a pattern, or '=' and a keyword, found a word"],
    );
    check(
        "(A ((0) (B)\x0c(C ((0) (D)))",
        &["3:1: expected ')' before the next rule"],
    );
}

#[test]
fn at_most_a_hundred_problems_are_reported() {
    let count = |text: String| problems(&text).len();
    assert_eq!(count(with(&"(A 5)".repeat(1000))), MAX_PROBLEMS);
    assert_eq!(count(with(&"(A B)".repeat(1000))), MAX_PROBLEMS);
    assert_eq!(
        count(with(&format!("(A {})", "((0) (2))".repeat(1000)))),
        MAX_PROBLEMS
    );
    assert_eq!(
        count(with(&format!("(A ((0) {}))", "(=B)".repeat(1000)))),
        MAX_PROBLEMS
    );
}

#[test]
fn parsing_is_neither_deeply_recursive_nor_quadratic() {
    let pieces = [
        "(",
        ")",
        "=",
        "(A ",
        "(\n",
        "(A ((0)\n",
        "(A ((0) (B (",
        "((",
        "0 ",
        ";",
        "(A DLIST(/",
    ];
    for piece in pieces {
        let text = format!("(){}", piece.repeat((1 << 16) / piece.len()));
        let error = parse(&text).expect_err("it is no script");
        assert!(error.problems().len() <= MAX_PROBLEMS);
    }
    assert_eq!(problems(&"(".repeat(1 << 20)).len(), 3);
    // The whole script in one line, where each column has to be computed.
    for (start, piece, end) in [
        ("(A ((0) (GO", " 9", ")))"),
        ("(A", "(()(B))", ")"),
        ("", "(A B)", ""),
    ] {
        let text = with(&format!(
            "{start}{}{end}",
            piece.repeat((1 << 19) / piece.len())
        ));
        assert_eq!(problems(&text).len(), MAX_PROBLEMS);
    }
}

#[test]
fn size_limits_are_reported() {
    let word = |length| parse(&with(&format!("({} 5)", "W".repeat(length))));
    assert!(word(MAX_WORD_BYTES).is_ok());
    let long = "W".repeat(MAX_WORD_BYTES + 1);
    check(
        &format!("({long} 5)"),
        &["2:2: a word has at most 256 bytes"],
    );
    let list = "W ".repeat(MAX_WORD_BYTES / 2);
    check(
        &format!("(A ((0) (({list}))))"),
        &["2:10: a list in a reply has at most 256 bytes"],
    );

    let replies = |count| parse(&with(&format!("(A ((0) {}))", "(B)".repeat(count))));
    assert!(replies(MAX_REPLIES).is_ok());
    let error = replies(MAX_REPLIES + 1).expect_err("they are not counted");
    assert_eq!(
        error.to_string(),
        "2:5: a pattern has at most 65535 replies"
    );

    let members: String = (0..2000)
        .map(|n| format!("(K{n} DLIST(/T U{n}))\n"))
        .collect();
    let asked = |count| -> String { (0..count).map(|n| format!("(((/T U{n})) (A))")).collect() };
    let script = |count| parse(&with(&format!("{members}(A {})", asked(count))));
    assert!(script(131).is_ok());
    let error = script(132).expect_err("these are too many");
    assert!(error.to_string().ends_with("too many tagged words"));
}

#[test]
fn layout_and_case_do_not_matter() {
    let read = |rule: &str| parse(&with(rule)).expect("it is a script");
    assert_eq!(read("").rules.len(), 2);
    assert_eq!(read("START").rules(), 2);
    assert_eq!(read("() ; (A 5\n()").rules(), 2);
    assert_eq!(read("(\nA\n(\n(\n0\n)\n(\nB\n)\n)\n)").rules(), 3);
    let script = read(
        "(a 5 dlist(/x y) = b 7 (( 0 ( * c d ) (*d) (/X) (/ q x) 2 ) ()(say ( so 4 )) (pre mature) (newkey a)))",
    );
    let rule = script
        .rule(script.vocabulary.id("A").expect("a rule"))
        .expect("it is there");
    assert_eq!(
        (rule.precedence, rule.tags.len(), rule.transformations.len()),
        (7, 2, 1)
    );
    let pattern = &rule.transformations[0].pattern;
    assert_eq!(
        script.source.excerpt(&pattern.at),
        "(0 (* C D) (*D) (/X) (/ Q X) 2)"
    );
    let replies = rule.transformations[0].replies.iter();
    let written: Vec<_> = replies
        .map(|reply| script.source.excerpt(&reply.at))
        .collect();
    assert_eq!(
        written,
        ["()", "(SAY (SO 4))", "(PRE MATURE)", "(NEWKEY A)"]
    );
    assert_eq!(read("(A (=NONE))").rules(), 3);
}
