use proptest::prelude::*;

use super::*;

const SMALL: &str = r#"
greeting = ["How are you?"]
farewell = ["Bye."]
silence = ["Hm?", "Yes?"]
otherwise = ["Go on.", "I see."]
quit = ["Quit"]
[[rule]]
patterns = ["i need (.+)", "give me (.+)"]
replies = ["Why {1}?"]
[[rule]]
question = true
replies = ["Why do you ask?"]
"#;

#[track_caller]
fn refused(change: (&str, &str), expected: &str) {
    assert!(SMALL.contains(change.0), "there is something to change");
    let changed = SMALL.replacen(change.0, change.1, 1);
    let error = parse(&changed).expect_err("it is refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_built_in_friend_parses() {
    let script = parse(include_str!("../../../../../../data/eliza/friend.toml"));
    let script = script.expect("it is well formed");
    assert!(25 < script.rules.len());
    assert!(8 <= script.otherwise.templates.len());
}

#[test]
fn invalid_scripts_are_rejected_with_positions() {
    assert!(parse(SMALL).is_ok());
    refused(
        ("quit = [\"Quit\"]", "quit = [\"Quit\""),
        "7:1: missing comma between array elements, expected `,`",
    );
    refused(
        ("quit", "quitt"),
        "1:1: missing field `quit`\n6:1: unknown field `quitt`, expected one of `language`, `greeting`, `farewell`, `silence`, `otherwise`, `quit`, `synonyms`, `topic`, `rule`",
    );
    refused(
        ("quit = [\"Quit\"]", "quit = []"),
        "6:8: expected at least one farewell, or no conversation ends",
    );
    refused(
        ("otherwise = [\"Go on.\", \"I see.\"]", ""),
        "1:1: missing field `otherwise`",
    );
    refused(
        ("\"I see.\"", "\"Go on.\""),
        "5:13: expected at least 2 different replies that use no learnt value",
    );
    refused(
        ("[\"How are you?\"]", "[]"),
        "2:12: expected at least one reply",
    );
    refused(
        ("\"Why {1}?\"", "\"Why {2}?\""),
        "9:12: '{2}' in a reply, but a pattern captures 1",
    );
    refused(
        ("give me (.+)", "give me"),
        "9:12: '{1}' in a reply, but a pattern captures 0",
    );
    refused(
        ("i need (.+)", "i need (.+"),
        "8:13: invalid pattern: unclosed group",
    );
    refused(
        ("i need (.+)", "(a{1000}){1000}"),
        "8:13: the pattern is too large: more than 256 KiB when compiled",
    );
    refused(
        ("question = true\n", ""),
        "10:1: a rule without patterns needs `question = true` or `within`",
    );
    let many = SMALL.replace("\"give me (.+)\"", &"'x(.)',\n".repeat(1000));
    let many = parse(&many).expect_err("it is refused");
    assert_eq!(
        many.to_string(),
        "1007:1: a script has at most 1000 patterns"
    );
}

#[test]
fn all_problems_are_reported() {
    let changed = SMALL
        .replacen("i need (.+)", "i need (.+", 1)
        .replacen("question", "questions", 1)
        .replacen("[\"How are you?\"]", "7", 1)
        .replacen("silence", "silences", 1);
    let error = parse(&changed).expect_err("it is refused");
    let reported: Vec<_> = error.problems().iter().map(Problem::to_string).collect();
    let kinds = [
        "missing",
        "invalid type",
        "unknown field `silences`",
        "invalid pattern",
        "unknown field `questions`",
    ];
    let lines = reported
        .iter()
        .zip(kinds)
        .filter(|(reported, kind)| reported.contains(kind));
    assert_eq!((lines.count(), reported.len()), (5, 5), "{reported:?}");
}

#[test]
fn huge_scripts_are_rejected_quickly() {
    let head = SMALL
        .split("[[rule]]")
        .next()
        .expect("there is a first part");
    let [topics, names] = [
        (0..30_000)
            .map(|n| format!("{{name='t{n}',replies=['a']}},"))
            .collect::<String>(),
        (0..990)
            .map(|n| format!("[[rule]]\nlearn='n{n}'\npatterns=['(a)']\nreplies=['a']\n"))
            .collect(),
    ];
    let lines = "'a',".repeat(100_000);
    let lists = head.replacen("\"Go on.\"", &format!("{lines}\"Go on.\""), 1) + &names;
    assert!(parse(&lists).is_ok(), "much is allowed");
    for (much, expected) in [
        (
            format!("rule = [{}]", "{replies=[]},".repeat(70_000)),
            "expected at least one reply",
        ),
        (
            format!("topic = [{topics}]"),
            "a script has at most 1000 topics",
        ),
        ("x = 1\n".repeat(50_000), "duplicate key"),
    ] {
        let error = parse(&format!("{much}\n{head}")).expect_err("it is refused");
        assert!(error.problems().len() <= 100);
        let reported = error
            .problems()
            .iter()
            .any(|problem| problem.what.contains(expected));
        assert!(reported, "{error}");
    }
    let synonyms = format!("{head}[synonyms]\na = ['{}']\n", "word ".repeat(20_000));
    let used = "[[rule]]\npatterns = ['<a>']\nreplies = ['A', 'B']\n".repeat(900);
    let error = parse(&format!("{synonyms}{used}")).expect_err("it is refused");
    assert!(error.problems()[0].what.contains("too long"), "{error}");
}

proptest! {
    #[test]
    fn any_text_parses_or_fails_cleanly(text: String) {
        drop(parse(&text));
    }

    #[test]
    fn any_change_gives_valid_positions(at in 0..SMALL.len(), length in 0..9usize, put in "[\\PC\n]{0,3}") {
        let mut text = SMALL.to_owned();
        text.replace_range(at..(at + length).min(SMALL.len()), &put);
        if let Err(error) = parse(&text) {
            for problem in error.problems() {
                prop_assert!((1..=1 + text.lines().count()).contains(&problem.line));
                prop_assert!(!problem.what.contains('\n'));
            }
        }
    }
}
