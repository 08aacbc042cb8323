//! Replies of the built-in friend, over many seeds.

mod families;
mod sense;

use std::collections::BTreeSet;

use switchboard_eliza::{Conversation, Script, Source};

const SEEDS: u64 = 200;

fn friend(seed: u64) -> Conversation {
    Conversation::new(&Script::friend().expect("it compiles"), seed)
}

/// Every reply that the friend may give to the last of these lines.
fn replies(lines: &[&str]) -> BTreeSet<String> {
    let reply = |seed| {
        let mut friend = friend(seed);
        let replies = lines.iter().map(|line| friend.reply(line).text);
        replies.last().expect("something is said")
    };
    (0..SEEDS).map(reply).collect()
}

/// Each possible reply contains one of these words and is not a fallback.
#[track_caller]
fn check(line: &str, words: &[&str]) {
    for reply in replies(&[line]) {
        assert!(
            words.iter().any(|word| reply.contains(word)),
            "{line}: {reply}"
        );
    }
    let (_, trace) = friend(1).reply_traced(line);
    assert_eq!(trace.source, Source::Rule, "{line}");
}

/// No possible reply contains any of these words.
#[track_caller]
fn refused(line: &str, words: &[&str]) {
    for reply in replies(&[line]) {
        let input = words.iter().find(|word| reply.contains(**word));
        assert_eq!(input, None, "{line}: {reply}");
    }
}

#[test]
fn the_script_has_no_warnings() {
    assert_eq!(Script::friend().expect("it compiles").lint(), []);
}

#[test]
fn input_is_reflected() {
    for (line, words) in [
        ("I need help!?", &["need help"] as &[_]),
        ("Why can't you help me?", &["help you"]),
        ("My mother hates me", &["your mother hates you"]),
        (
            "I am afraid you don't like me",
            &["afraid I don't like you"],
        ),
        ("are you why I am unhappy", &["why you are unhappy"]),
        ("I think you were wrong", &["I was wrong"]),
        (
            "you told me that you love me",
            &["that I told you that I love you"],
        ),
        ("I'm not myself", &["yourself"]),
        ("that book is mine", &["that book is yours"]),
        (
            "I was happy with him",
            &["you were happy with him", "really happy with him"],
        ),
        (
            "we lost our keys",
            &["ou lost your keys", "'we'", "own part"],
        ),
        (
            "My sister says I never call you",
            &["your sister says you never call me"],
        ),
        ("My boss told us to work", &["your boss told you to work"]),
        (
            "I dreamt that you were my teacher",
            &["I was your teacher", "dream of yours", "your life"],
        ),
    ] {
        check(line, words);
        refused(
            line,
            &[
                " mine",
                " me hate",
                "I am afraid",
                " i ",
                "you am",
                "I are",
                "you was",
                " my boss",
                "I were wrong",
            ],
        );
    }
}

#[test]
fn a_name_is_learnt_and_used() {
    for reported in [
        "My name is Ann",
        "call me Ann",
        "I'm called Ann",
        "you can call me ann",
        "hi, my name's ann",
        "I am Ann",
    ] {
        let known = replies(&[reported, "What is my name?"]);
        let named = known.iter().filter(|reply| reply.contains("Ann")).count();
        assert!(
            3 <= named && known.len() - named <= 1,
            "{reported}: {known:?}"
        );
    }
    let farewells = replies(&["My name is Ann", "bye"]);
    assert!(farewells.iter().any(|reply| reply.contains("Ann")));
    for other in [
        "My name is not important",
        "call me crazy",
        "call me later",
        "I'm sad",
        "I'm German",
        "I am Sick of it",
    ] {
        let (_, trace) = friend(1).reply_traced(other);
        let steps = format!("{:?}", trace.steps);
        assert!(!steps.contains("Learnt"), "{other}: {steps}");
    }
}

#[test]
fn a_memory_is_recalled_later_and_once() {
    for (reported, words) in [
        ("my car makes funny noises", "your car makes funny noises"),
        ("My father is a strict man", "your father"),
        ("I want to see the sea", "see the sea"),
        ("My dog died", "your dog"),
        ("I wish I were rich", "you wish you were rich"),
        ("I'm afraid of the dark", "afraid of the dark"),
    ] {
        for seed in 0..20 {
            let mut friend = friend(seed);
            friend.reply(reported);
            let mut tellings = 0;
            for _ in 0..12 {
                let (reply, trace) = friend.reply_traced("hm");
                if trace.source == Source::Memory {
                    assert!(reply.text.contains(words), "{reported}: {}", reply.text);
                    tellings += 1;
                }
            }
            assert_eq!(tellings, 1, "{reported}");
        }
    }
}

#[test]
fn a_topic_lasts_for_some_turns() {
    for opening in [
        "I hate my job",
        "My father is a strict man",
        "My wife left me",
        "I can't sleep at night",
        "I failed my exam",
        "I am so lonely",
        "My dog died",
        "I am afraid of the dark",
        "it is raining",
        "I play the guitar",
    ] {
        for seed in 0..20 {
            let mut friend = friend(seed);
            friend.reply(opening);
            let mut input = BTreeSet::new();
            for line in ["hm", "well", "ok"] {
                let (reply, trace) = friend.reply_traced(line);
                if trace.source == Source::Topic {
                    input.insert(reply.text);
                }
            }
            assert!(2 <= input.len(), "{opening}: {input:?}");
        }
    }
}
