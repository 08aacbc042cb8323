//! Replies and their traces.

use proptest::prelude::*;

use super::*;
use crate::engine::hayden;
use crate::{Source, Step};

/// The replies to the lines of one conversation.
#[track_caller]
fn check(script: &str, input: &[(&str, &str)]) {
    let mut talk = talk(script);
    for (line, reply) in input {
        assert_eq!(talk.reply(line).text, *reply, "{line}");
    }
}

#[track_caller]
fn garden(input: &[(&str, &str)]) {
    check(GARDEN, input);
}

const AGAIN: &str = "Tell me of your garden.";

#[test]
fn greeting_and_farewell_come_from_the_script() {
    let mut talk = talk(GARDEN);
    assert_eq!(
        talk.greet().as_deref(),
        Some("Good morning. What grows in your garden?")
    );
    assert_eq!(talk.farewell().as_deref(), Some("May it rain at night!"));
    for line in [
        "bye",
        "BYE!",
        "see  you, later? See you later.",
        "cheerio",
        "Well well. Bye",
    ] {
        let reply = talk.reply(line);
        assert_eq!(
            (reply.text.as_str(), reply.last),
            ("May it rain at night!", true),
            "{line}"
        );
    }
    for line in ["bye now", "good bye", "see you", "I dig. Bye", ""] {
        assert!(!talk.reply(line).last, "{line}");
    }
}

#[test]
fn defaults_without_initial_final_and_xnone() {
    let script = "quit: enough\nkey: a\ndecomp: a b\nreasmb: c";
    let mut talk = talk(script);
    assert_eq!((talk.greet(), talk.farewell()), (None, None));
    assert_eq!(talk.reply("x").text, "Please tell me more.");
    let reply = talk.reply("enough");
    assert_eq!((reply.text.as_str(), reply.last), ("Goodbye.", true));
}

#[test]
fn one_of_several_greetings_is_chosen() {
    let script = load("initial: a\ninitial: b\nfinal: c\nfinal: d\nkey: x\ndecomp: x\nreasmb: y");
    let words = |seed| {
        let mut talk = Conversation::new(&script, seed);
        (talk.greet(), talk.farewell())
    };
    assert!((1..40).any(|seed| words(seed).0 != words(0).0));
    assert!((1..40).any(|seed| words(seed).1 != words(0).1));
    assert_eq!(words(3), words(3));
}

#[test]
fn replies_rotate() {
    garden(&[
        ("I like it here", "So do I!"),
        ("well I LIKE it here", "Each year more?"),
        ("I like it here", "So do I!"),
        ("hm", AGAIN),
        ("hm", "What else grows there?"),
        ("", AGAIN),
    ]);
}

#[test]
fn the_first_sentence_with_a_reply_is_answered() {
    garden(&[
        (
            "Well, so what? Rain! I like it here",
            "It is good for the ferns.",
        ),
        ("Well so what; Rain! I like it here", "So do I!"),
        ("I like it here, rain", "Each year more?"),
        ("rain and more rain", AGAIN),
        ("RAIN", "It is good for the ferns."),
    ]);
}

#[test]
fn keywords_are_sorted_by_rank_then_position() {
    let keywords = |line: &str| {
        let (_, trace) = talk(GARDEN).reply_traced(line);
        let stack = trace.steps.into_iter().find_map(|step| match step {
            Step::Keywords { stack } => Some(stack),
            _ => None,
        });
        let stack = stack.expect("there was a sentence");
        let words = stack
            .into_iter()
            .map(|keyword| format!("{} {}", keyword.word, keyword.precedence));
        words.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        keywords("i weeds vegetables rain my i my spade rain"),
        "rain 5, spade 3, vegetables 2, my 2, i 0, weeds 0"
    );
    assert_eq!(
        keywords("my vegetables weeds i"),
        "my 2, vegetables 2, weeds 0, i 0"
    );
    assert_eq!(keywords("xnone?"), "xnone 0");
    assert_eq!(keywords("nothing"), "");
}

#[test]
fn parts_are_stars_and_synonyms() {
    garden(&[
        ("Today I feel ill", "Do you really feel so (of ill)?"),
        (
            "I believe you love me",
            "Do you really believe so (of I love YOU)?",
        ),
        (
            "I am so very SAD today",
            "I am sorry that you are sad today.",
        ),
        ("I am sorry", "I am sorry that you are sorry."),
        ("my big old tree", "Does your tree need water?"),
        ("my plant", "Tell me more of the plant of yours."),
        ("rose weeds fern", "rose and fern"),
        ("rose weeds weeds", "And what of your big old tree?"),
    ]);
}

#[test]
fn a_list_may_span_lines_and_be_named_by_any_word() {
    let lists = "synon: a b\nsynon: x m p\nsynon: a c\nsynon: y m q\nsynon: p r";
    let rules =
        "decomp: k @a\nreasmb: a (1)\ndecomp: k @m\nreasmb: m (1)\ndecomp: k @p\nreasmb: p (1)";
    check(
        &format!("{lists}\nkey: k\n{rules}"),
        &[
            ("k b", "a b"),
            ("k c", "a c"),
            ("k x", "m x"),
            ("k q", "Please tell me more."),
            ("k r", "p r"),
        ],
    );
}

#[test]
fn empty_parts_leave_no_double_space() {
    garden(&[
        ("I want a hat", "What would a hat give you,?"),
        ("now I want", "What would give you, now?"),
        ("I want what I want", "What would what you want give you,?"),
    ]);
    check(
        "key: a\ndecomp: * a *\nreasmb: [(1)(2)]x(1)y(2)z  (3 ) ()(1 .\nreasmb: '(2)'s (2) ... (2)!",
        &[
            ("b a c", "[b c]x b y c z (3 ) ()(1."),
            ("b a c d", "'c d's c d... c d!"),
            ("a", "[]x y z (3 ) ()(1."),
            ("a", "''s...!"),
        ],
    );
}

#[test]
fn pre_and_post_replace_words() {
    garden(&[
        ("Veggies aren't easy", "Why are they not easy?"),
        ("The veggies arent easy", "I love vegetables."),
        (
            "Veggies aren’t my thing, or yours",
            "Why are they not your thing?",
        ),
    ]);
    // A replacement is not replaced again, and the first of two lines applies.
    let twice = "pre: a b\npre: b c d\npre: a x\npost: d E\npost: e f\npost: d g";
    let script = format!("{twice}\nkey: k\ndecomp: k *\nreasmb: (1)");
    check(&script, &[("k a b e", "b c E f")]);
    let quit = "quit: go away\npre: go leave\npre: scram go away\nkey: k\ndecomp: k\nreasmb: r";
    for (line, last) in [("go away", true), ("scram", true), ("leave away", false)] {
        assert_eq!(talk(quit).reply(line).last, last, "{line}");
    }
}

#[test]
fn goto_continues_with_another_key() {
    garden(&[
        ("I dig all day", "Do you dig deep?"),
        ("I dig with a spade", "A fine tool."),
    ]);
    // If that key has no reply either, the next keyword is tried.
    let script = "key: a 9\ndecomp: a *\nreasmb: goto c\ndecomp: *\nreasmb: no\n\
                  key: b\ndecomp: *\nreasmb: yes\nkey: c\ndecomp: c\nreasmb: no";
    check(
        script,
        &[("a b", "yes"), ("b a", "no"), ("a", "Please tell me more.")],
    );
    // The same for the fallback.
    let script = "key: xnone\ndecomp: *\nreasmb: goto c\nkey: c\ndecomp: * x\nreasmb: (1)";
    check(script, &[("a. b x", "b"), ("a b", "Please tell me more.")]);
}

#[test]
fn memories_are_recalled_in_order_if_nothing_matches() {
    let earlier = |what: &str| {
        [
            format!("Earlier you spoke of your {what}."),
            format!("And what of your {what}?"),
        ]
    };
    let mut talk = talk(GARDEN);
    assert_eq!(
        talk.reply("my hens eat my seeds").text,
        "Your hens eat your seeds?"
    );
    assert_eq!(talk.reply("my shed").text, "Your shed?");
    let (reply, trace) = talk.reply_traced("what now");
    assert!(
        earlier("hens eat your seeds").contains(&reply.text),
        "{}",
        reply.text
    );
    assert_eq!((trace.source, trace.memory.len()), (Source::Memory, 1));
    assert!(earlier("shed").contains(&talk.reply("").text));
    assert_eq!(talk.reply("what now").text, AGAIN);
}

#[test]
fn a_memory_may_use_goto() {
    let script = "key: a\ndecomp: $ *\nreasmb: goto b\ndecomp: *\nreasmb: no\nkey: b\ndecomp: *\nreasmb: yes";
    check(script, &[("a", "yes"), ("x", "Please tell me more.")]);
}

#[test]
fn the_memory_is_limited() {
    let script = "key: a\ndecomp: $ a *\nreasmb: (1)";
    let recalled = |line: &dyn Fn(usize) -> String| {
        let mut talk = talk(script);
        let (mut recalled, mut longest) = (Vec::new(), 0);
        // Each is in one line with those before it; on a line of its own it would be recalled at
        // once.
        let line = (0..30).map(line).collect::<Vec<_>>().join(". ");
        let (reply, trace) = talk.reply_traced(&line);
        longest =
            longest.max(trace.memory.iter().map(String::len).sum::<usize>() + reply.text.len());
        recalled.push(reply.text);
        recalled.extend(trace.memory);
        assert!(longest <= 1024, "{longest}");
        recalled
    };
    let short = recalled(&|index| format!("a {index}"));
    assert_eq!(
        short,
        (0..20).map(|index| index.to_string()).collect::<Vec<_>>()
    );
    let long = recalled(&|index| format!("a {index} {}", "y".repeat(60)));
    assert_eq!(long.len(), 1024 / 62);
}

#[test]
fn an_idle_conversation_is_small_and_send() {
    fn moves<T: Send>() {}
    moves::<Conversation>();
    assert!(hayden::state::idle_bytes() < 2048);
}

#[test]
fn crlf_and_indentation_do_not_matter() {
    let lines = [
        ("I like it here", "So do I!"),
        ("my rose", "Does your rose need water?"),
        ("x", "Each"),
    ];
    let margins = GARDEN.lines().map(|line| format!(" \t{}  ", line.trim()));
    for text in [
        GARDEN.replace('\n', "\r\n"),
        margins.collect::<Vec<_>>().join("\n\n"),
    ] {
        check(&text, &lines[..2]);
    }
}

#[test]
fn equal_seeds_give_equal_independent_conversations() {
    let script = load(GARDEN);
    let input = [
        "my shed. my hens",
        "my wall",
        "",
        "",
        "I like it here",
        "",
        "",
    ];
    let replies = |talk: &mut Conversation| input.map(|line| talk.reply(line).text);
    let one = |seed| replies(&mut Conversation::new(&script, seed));
    assert_eq!(one(1), one(1));
    assert!((2..20).any(|seed| one(seed) != one(1)));
    let mut talks = [1, 1].map(|seed| Conversation::new(&script, seed));
    for line in input {
        let [first, second] = talks.each_mut().map(|talk| talk.reply(line));
        assert_eq!(first, second);
    }
}

#[test]
fn a_trace_explains_the_reply() {
    let (reply, trace) = talk(GARDEN).reply_traced("Hm, cheerio rain. My spade");
    assert_eq!(reply.text, "A fine tool.");
    let steps: Vec<_> = trace.steps.iter().map(|step| format!("{step:?}")).collect();
    assert_eq!(
        steps,
        [
            r#"Read { words: ["hm"] }"#,
            r#"Keywords { stack: [] }"#,
            r#"Read { words: ["cheerio", "rain"] }"#,
            r#"Substituted { word: "cheerio", by: "bye" }"#,
            r#"Keywords { stack: [Keyword { word: "rain", precedence: 5 }] }"#,
            r#"Unmatched { keyword: "rain", line: 44 }"#,
            r#"Read { words: ["my", "spade"] }"#,
            r#"Keywords { stack: [Keyword { word: "spade", precedence: 3 }, Keyword { word: "my", precedence: 2 }] }"#,
            r#"Matched { keyword: Some("spade"), line: 48, pattern: "* spade *", parts: ["my", ""], reply: "A fine tool." }"#,
        ]
    );
}

#[test]
fn endless_loops_and_long_replies_are_stopped() {
    let exhausted = |script: &str, line: &str| {
        let mut talk = talk(script);
        let (reply, trace) = talk.reply_traced(line);
        assert_eq!(
            (trace.source, reply.last),
            (Source::Exhausted, false),
            "{line}"
        );
        assert!(!reply.text.is_empty() && trace.steps.len() < 1000);
        assert_eq!(talk.reply("fine").text, "Yes.");
    };
    let fine = "key: fine\ndecomp: fine\nreasmb: Yes.\n";
    let circle = "key: a\ndecomp: * x *\nreasmb: goto b\nkey: b\ndecomp: *\nreasmb: goto a";
    exhausted(&format!("{fine}{circle}"), "a x");
    let flood = format!("{fine}key: a\ndecomp: *\nreasmb: {}", "(1)".repeat(1000));
    exhausted(&flood, "a long line");
    let grown = format!(
        "{fine}post: a {}\nkey: a\ndecomp: *\nreasmb: (1)",
        "b".repeat(3000)
    );
    exhausted(&grown, "a a");
    let comparisons = format!("decomp: * {}b *\nreasmb: no\n", "a ".repeat(400));
    let slow = format!(
        "{fine}key: a\n{}decomp: *\nreasmb: no",
        comparisons.repeat(100)
    );
    exhausted(&slow, &"a ".repeat(900));
}

#[test]
fn a_chain_of_ten_thousand_gotos_is_followed() {
    let chain = |steps: usize| {
        let next = |step: usize| format!("key: k{step}\ndecomp: *\nreasmb: goto k{}\n", step + 1);
        let keys: String = (1..steps).map(next).collect();
        talk(&format!("{keys}key: k{steps}\ndecomp: *\nreasmb: end"))
            .reply_traced("k1")
            .1
            .source
    };
    assert_eq!(chain(10_000), Source::Rule);
    assert_eq!(chain(10_001), Source::Exhausted);
}

#[test]
fn a_sentence_that_pre_enlarges_is_cut() {
    let script = format!(
        "pre: a {}\nkey: k\ndecomp: k * * b\nreasmb: no\ndecomp: k *\nreasmb: yes",
        "bb ".repeat(1300)
    );
    let (reply, trace) = talk(&script).reply_traced(&format!("k {}", "a ".repeat(900)));
    assert_eq!(reply.text, "yes");
    let Some(Step::Matched { parts, .. }) = trace.steps.last() else {
        panic!("{:?}", trace.steps.last());
    };
    assert!(parts[0].len() <= 4000);
}

#[test]
fn a_large_script_and_a_long_line_are_fast() {
    // Each of these would take minutes if the cost were the product of two lengths.
    let synonyms = (0..40_000)
        .map(|word| format!("synon: all w{word}\n"))
        .collect::<String>();
    let decomps = "decomp: * @all @all\nreasmb: no\n".repeat(4000);
    let big = format!("{synonyms}key: a\n{decomps}");
    assert!(big.len() < Script::MAX_BYTES);
    let script = load(&big);
    assert_eq!(script.lint().len(), 100);
    let mut talk = Conversation::new(&script, 1);
    for line in ["a ".repeat(1000), "a,".repeat(1000), "a w1 w2".to_owned()] {
        assert!(!talk.reply(&line).text.is_empty());
    }
}

proptest! {
    #[test]
    fn any_line_is_answered(lines in prop::collection::vec("(\\PC|[ .,'*@$(1)\u{0}-\u{1f}]|my |i am |rain|@plant ){0,20}", 1..9)) {
        let mut talk = talk(GARDEN);
        for line in lines {
            let reply = talk.reply(&line).text;
            prop_assert!(!reply.is_empty() && !reply.chars().any(char::is_control));
            prop_assert!(!reply.contains("  "));
        }
    }
}
