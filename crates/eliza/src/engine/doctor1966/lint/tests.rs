use super::*;
use crate::engine::doctor1966::parse;
use crate::problem::Problem;

#[track_caller]
fn check(rules: &str, expected: &[&str]) {
    let text = format!(
        "()\n{rules}\n(NONE ((0) (GO ON))) (SHIP ((0) (AHOY)))
        (MEMORY SHIP (0 = A 1) (0 = B 1) (0 = C 1) (0 = D 1))"
    );
    let script = parse(&text).expect("it is a script");
    let mut found = lint(&script);
    found.sort();
    let found: Vec<_> = found.iter().map(Problem::to_string).collect();
    assert_eq!(found, expected, "{rules}");
}

/// Whether `second` is unreachable after `first`.
#[track_caller]
fn check_covers(first: &str, second: &str, is_covered: bool) {
    let text = format!(
        "() (A DLIST(/T)) (B DLIST(/T U)) (C DLIST(/V)) (NONE (({first}) (X)) (({second}) (Y)))
        (MEMORY C (0 = 1) (0 = 1) (0 = 1) (0 = 1))"
    );
    let script = parse(&text).expect("it is a script");
    assert_eq!(
        !unreachable(&script).is_empty(),
        is_covered,
        "{first} before {second}"
    );
}

#[test]
fn unreachable_patterns_are_found() {
    for (first, second) in [
        ("0", "0"),
        ("0", "0 A 0"),
        ("0 A 0", "A"),
        ("0 A 0", "0 A 0 B"),
        ("0 A 0", "0 B A 0 A"),
        ("0 0", "0"),
        ("0 2 0", "0 A B"),
        ("0 1 0", "3"),
        ("2", "1 A"),
        ("0 (*A B C) 0", "0 (*A C) 0"),
        ("0 (*A B C) 0", "0 B"),
        ("0 (/T) 0", "0 (*A B)"),
        ("0 (/T) 0", "0 (/U) 0"),
        ("0 (/T) 0", "0 (/T) 0 A"),
        ("(*A A)", "A"),
    ] {
        check_covers(first, second, true);
    }
}

#[test]
fn reachable_patterns_are_not_reported() {
    for (first, second) in [
        ("A", "0"),
        ("1 0", "0"),
        ("0 A 0", "0 1 0"),
        ("0 A 0 A 0", "0 A 0"),
        ("0 A B 0", "0 A 0 B 0"),
        ("0 A", "0 A 0"),
        ("2", "1"),
        ("2 0", "1 0"),
        ("(*A B)", "(*A C)"),
        ("(/U)", "(/T)"),
        ("(/T)", "1"),
        ("A", "(/T)"),
        ("0 (/X) 0", "0 (/X) 0"),
        ("0 99 0", "0 99 0"),
        ("B A 0", "A 0"),
    ] {
        check_covers(first, second, false);
    }
}

#[test]
fn each_warning_has_its_position() {
    check("(A ((0 B 0) (X))\n   ((0) (Y)))", &[]);
    check(
        "(A ((0) (X))\n   ((0 B 0) (Y)))",
        &["3:5: unreachable: the pattern in line 2 matches everything this one does"],
    );
    check(
        "(A ((0) (X))\n (=SHIP))",
        &["2:2: the reference to SHIP is unreachable: the pattern in line 2 matches every input"],
    );
    check(
        "(A DLIST(/X)) (B ((0 (/X) (/X Y)) (Z)))",
        &["2:27: no keyword has the tag Y"],
    );
}

#[test]
fn reference_cycles_are_reported() {
    check("(A (=B)) (B (=SHIP))", &[]);
    check("(A (=B)) (B ((0) (=A) (NEWKEY)))", &[]);
    check("(A (=B)) (B ((X) (=A)))", &[]);
    check("(A ((0) (=A) (X)))", &[]);
    check(
        "(A (=A))",
        &["2:2: A never leads to a reply: its references form a cycle"],
    );
    check(
        "(A (=B)) (B ((X) (=A)) (=C)) (C ((0) (PRE (1 1) (=B)) (=B)))",
        &[
            "2:2: A never leads to a reply: its references form a cycle",
            "2:11: B never leads to a reply: its references form a cycle",
            "2:31: C never leads to a reply: its references form a cycle",
        ],
    );
    let none = "() (NONE ((0) (NEWKEY))) (A = B) (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))";
    let script = parse(none).expect("it is a script");
    assert_eq!(lint(&script).len(), 1);
}

#[test]
fn comparisons_of_a_huge_rule_are_limited() {
    let patterns: String = (0..2500).map(|n| format!("((0 W{n} 0) (X))")).collect();
    check(&format!("(A {patterns} ((0) (Y)) ((0) (Z)))"), &[]);
    let patterns: String = (0..500).map(|n| format!("((0 W{n} 0) (X))")).collect();
    check(
        &format!("(A {patterns} ((0) (Y)) ((0) (Z)))"),
        &[&format!(
            "2:{}: unreachable: the pattern in line 2 matches everything this one does",
            patterns.len() + 16
        )],
    );
}

#[test]
fn at_most_a_hundred_warnings_are_reported() {
    let patterns = "((0) (X))".repeat(200);
    let text = format!("() (NONE {patterns}) (A = B) (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))");
    let script = parse(&text).expect("it is a script");
    assert_eq!(lint(&script).len(), MAX_PROBLEMS);
}
