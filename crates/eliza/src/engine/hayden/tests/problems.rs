//! Problems are reported with their positions.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, problems: &[&str]) {
    let found: Vec<_> = refused(text)
        .problems()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, problems, "{text}");
}

/// A script with this line at its end.
#[track_caller]
fn line(line: &str, problem: &str) {
    let text = format!("synon: ab cd\nkey: a\ndecomp: * @ab *\nreasmb: b\n  {line}");
    check(&text, &[&format!("5:{problem}")]);
}

#[test]
fn lines_need_a_tag_and_its_arguments() {
    line("hello", "3: expected a tag and a colon, such as `key:`");
    let tags =
        "`initial:`, `final:`, `quit:`, `pre:`, `post:`, `synon:`, `key:`, `decomp:`, `reasmb:`";
    line("keys: a", &format!("3: expected one of the tags {tags}"));
    line(": a", &format!("3: expected one of the tags {tags}"));
    line("initial:", "11: expected words");
    line("final: ", "9: expected words");
    line("quit: \t", "8: expected words");
    line("quit: ?!", "9: expected words");
    line("pre:", "7: expected the word to replace");
    line("post:", "8: expected the word to replace");
    line("pre: a-b c", "8: expected one word, of letters and digits");
    line("pre: a", "9: expected a replacement");
    line("pre: a ?", "10: expected a replacement");
    line("post: a", "10: expected a replacement");
    line("synon:", "9: expected a word");
    line(
        "synon: ä ??",
        "12: expected one word, of letters and digits",
    );
    line(
        &format!("initial: {}", "a".repeat(4096)),
        "3: a line is at most 4096 bytes",
    );
}

#[test]
fn keys_need_one_word_a_rank_and_a_pattern() {
    let rule = "decomp: *\nreasmb: b";
    let key = |key: &str, problems: &[&str]| check(&format!("{key}\n{rule}"), problems);
    key("key:", &["1:5: expected a keyword"]);
    key(
        "key: \"\" 5",
        &["1:6: expected one word, of letters and digits"],
    );
    key("key: a b", &["1:8: expected a rank, a number"]);
    key("key: a -1", &["1:8: expected a rank, a number"]);
    key("key: ä 4294967296", &["1:8: expected a rank, a number"]);
    key("key: a 1 2", &["1:10: expected the end of the line"]);
    key(
        &format!("key: a\n{rule}\nkey: b\n{rule}\nkey: A 2"),
        &["7:6: duplicate key"],
    );
    check("key: a", &["1:1: expected a `decomp:` after this key"]);
    check(
        &format!("key: a\nquit: x\n key: b\n{rule}\nkey: c"),
        &[
            "1:1: expected a `decomp:` after this key",
            "6:1: expected a `decomp:` after this key",
        ],
    );
}

#[test]
fn patterns_need_a_key_words_and_replies() {
    let pattern = |pattern: &str, problems: &[&str]| {
        check(
            &format!("synon: ab c\nkey: a\n{pattern}\nreasmb: x"),
            problems,
        );
    };
    pattern("decomp:", &["3:8: expected a pattern"]);
    pattern("decomp: $", &["3:10: expected a pattern"]);
    let what = "expected a word, `*` or `@` and a synonym list";
    pattern("decomp: * a ... *", &[&format!("3:13: {what}")]);
    pattern("decomp: $$", &[&format!("3:10: {what}")]);
    pattern("decomp: a *@ab@xy", &["3:15: no synonym list `xy`"]);
    pattern("decomp: a @", &["3:11: no synonym list ``"]);
    check(
        "decomp: a\nreasmb: b\nkey: a\nreasmb: b\ndecomp: c",
        &[
            "1:1: expected a `key:` before a `decomp:`",
            "2:1: expected a `decomp:` before a `reasmb:`",
            "4:1: expected a `decomp:` before a `reasmb:`",
            "5:1: expected a `reasmb:` after this pattern",
        ],
    );
    check(
        "key: a\n decomp: c\ndecomp: d\nreasmb: e\ndecomp: f\nkey: b\ndecomp: g\nreasmb: h",
        &[
            "2:2: expected a `reasmb:` after this pattern",
            "5:1: expected a `reasmb:` after this pattern",
        ],
    );
}

#[test]
fn replies_need_words_and_valid_parts() {
    line("reasmb:", "10: expected words, or `goto` and a key");
    let parts = "the pattern has 3 parts, numbered from (1)";
    line("reasmb: (3) (4)", &format!("15: {parts}"));
    line("reasmb: ä(0)", &format!("12: {parts}"));
    line("reasmb: (99999999999999999999)", &format!("11: {parts}"));
    line("reasmb: goto", "15: expected a key");
    line("reasmb: goto b", "16: no key `b`");
    line("reasmb: goto ab", "16: no key `ab`");
    line(
        "reasmb: goto a-b",
        "16: expected one word, of letters and digits",
    );
    line("reasmb: goto a b", "18: expected the end of the line");
    check(
        "key: a\ndecomp: *\nreasmb: (2)",
        &["3:9: the pattern has 1 parts, numbered from (1)"],
    );
    // For a missing pattern, neither its parts nor its replies are reported.
    check(
        "key: a\ndecomp: @x *\nreasmb: (7)",
        &["2:9: no synonym list `x`"],
    );
    for fine in [
        "(3)(2)(1)",
        "(03)",
        "()",
        "(a)",
        "(",
        "(1",
        "( 4)",
        "gotoo b",
        "Goto b",
    ] {
        load(&format!("key: a\ndecomp: * a * *\nreasmb: {fine}"));
    }
}

#[test]
fn a_script_needs_a_key() {
    let what = "expected a `key:` with a `decomp:` and a `reasmb:`";
    check("initial: a", &[&format!("1:1: {what}")]);
    check("initial: a\nquit: b\n", &[&format!("3:1: {what}")]);
}

#[test]
fn at_most_a_hundred_problems_are_reported() {
    let many = format!("key: a\n{}", "decomp: ?\n".repeat(5000));
    let error = refused(&many);
    assert_eq!(error.problems().len(), 100);
    assert_eq!(error.problems()[0].line, 2);
    let warn = format!(
        "key: a\ndecomp: a\nreasmb: b\n{}",
        "pre: a a\n".repeat(5000)
    );
    assert_eq!(load(&warn).lint().len(), 100);
}

proptest! {
    #[test]
    fn any_text_parses_or_fails_cleanly(text in "key: (\\PC|[ \r\n\t:*@$()#;0-9]|\n *(key|decomp|reasmb|pre|post|synon|quit|goto): ?){0,60}") {
        inside(&text)?;
    }

    #[test]
    fn any_change_gives_valid_positions(at in 0..GARDEN.len(), length in 0..9usize, put in "[\\PC\n]{0,3}") {
        let mut text = GARDEN.to_owned();
        text.replace_range(at..(at + length).min(GARDEN.len()), &put);
        inside(&text)?;
    }
}

/// Every reported position is in the script.
fn inside(text: &str) -> Result<(), TestCaseError> {
    let problems = match Script::load(text) {
        Ok(script) => {
            Conversation::new(&script, 1).reply("my rose. rain");
            script.lint()
        }
        Err(error) => error.problems().to_vec(),
    };
    let lines: Vec<_> = text.split('\n').collect();
    for problem in problems {
        let line = lines.get(problem.line - 1);
        prop_assert!(
            line.is_some_and(|line| problem.column <= line.chars().count() + 1),
            "{problem}"
        );
        prop_assert!(!problem.what.contains(char::is_control));
    }
    Ok(())
}
