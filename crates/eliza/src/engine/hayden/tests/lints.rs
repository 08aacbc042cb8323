//! Warnings: valid, but probably unintended.

use super::*;

const NONE: &[&str] = &[];

#[track_caller]
fn check(text: &str, problems: &[impl AsRef<str>]) {
    let found: Vec<_> = load(text).lint().iter().map(ToString::to_string).collect();
    let problems: Vec<_> = problems.iter().map(AsRef::as_ref).collect();
    assert_eq!(found, problems, "{text}");
}

#[test]
fn a_clean_script_has_no_warnings() {
    check(GARDEN, NONE);
}

#[test]
fn unreachable_patterns_are_reported() {
    let after =
        |line| format!("unreachable: the pattern in line {line} matches everything this one does");
    check(
        "synon: ab c\nsynon: d c ab e\nkey: a\n\
         decomp: * a @d *\nreasmb: b\n decomp: * a @ab\nreasmb: b\ndecomp: a\nreasmb: b\n\
         decomp: $ *\nreasmb: b\n decomp: *\nreasmb: b\n  decomp: $ x\nreasmb: b\n\
         key: b\ndecomp: * a e\nreasmb: b",
        &[format!("6:2: {}", after(4)), format!("14:3: {}", after(12))],
    );
    check(
        "key: a\ndecomp: * a\nreasmb: b\ndecomp: a *\nreasmb: b\ndecomp: b *\nreasmb: b",
        NONE,
    );
}

#[test]
fn endless_gotos_are_reported() {
    let what = "endless loop: no `goto` from here leads to a reply";
    check(
        "key: a\ndecomp: * a *\nreasmb: goto b\ndecomp: *\nreasmb: fine\n\
         key: b\ndecomp: $ *\nreasmb: fine\n decomp: *\nreasmb: goto c\nreasmb: goto a\n\
         key: c\ndecomp: * a *\nreasmb: goto c",
        &[format!("13:1: {what}")],
    );
    check(
        "key: a\n decomp: a *\nreasmb: goto b\nkey: b\n decomp: *\nreasmb: goto c\nreasmb: goto d\n\
         key: c\ndecomp: $ x\nreasmb: fine\nreasmb: goto d\ndecomp: *\nreasmb: goto b\n\
         key: d\ndecomp: *\nreasmb: goto c\nkey: e\ndecomp: e\nreasmb: goto e",
        &["2:2", "5:2", "12:1", "15:1", "18:1"].map(|place| format!("{place}: {what}")),
    );
    // A reply, or a sentence that does not match, leaves each loop.
    check("key: a\ndecomp: *\nreasmb: goto a\nreasmb: fine", NONE);
    check(
        "key: a\ndecomp: *\nreasmb: goto b\nkey: b\ndecomp: b *\nreasmb: goto a",
        NONE,
    );
    check(
        "key: a\ndecomp: *\nreasmb: goto b\nkey: b\ndecomp: b *\nreasmb: fine\ndecomp: *\nreasmb: goto a",
        NONE,
    );
    check(
        "key: a\ndecomp: $ *\nreasmb: goto a\nreasmb: fine\ndecomp: *\nreasmb: fine",
        NONE,
    );
}

#[test]
fn comparisons_of_a_huge_key_are_limited() {
    for (pattern, reply) in [("x", "y"), ("x", "goto a"), ("$ x", "y"), ("$ x", "goto a")] {
        let rules: String = (0..30_000)
            .map(|n| format!("decomp: {pattern}{n}\nreasmb: {reply}\n"))
            .collect();
        let script = load(&format!("key: a\n{rules}decomp: x0\nreasmb: y"));
        let reported = script.lint().last().map_or(0, |problem| problem.line);
        assert!(reported < 60_000, "the budget ends before the last one");
    }
}

#[test]
fn lines_without_effect_are_reported() {
    let rule = "key: a\ndecomp: @ab @xy\nreasmb: b\n";
    check(
        &format!(
            "synon: ab c\nsynon: x y xy\n synon: de f\nsynon: ab d\n{rule}\
             pre: Z z\npre: a b\n pre: a c\npost: i i\npost: me ME\npost: me I\npost: b b c"
        ),
        &[
            "3:2: no pattern uses `@de`",
            "8:1: this replacement has no effect",
            "10:2: an earlier `pre:` already replaces this word",
            "11:1: this replacement has no effect",
            "13:1: an earlier `post:` already replaces this word",
        ],
    );
}
