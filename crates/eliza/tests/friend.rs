//! The built-in friend: what is said to what, whatever chance decides.

use std::collections::BTreeSet;

use switchboard_eliza::{Conversation, Script, Source};

const SEEDS: u64 = 200;

fn friend(seed: u64) -> Conversation {
    Conversation::new(&Script::friend(), seed)
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

/// Each possible reply has one of these words, and is no way of saying that nothing was understood.
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

/// Not one possible reply has any of these words.
#[track_caller]
fn refused(line: &str, words: &[&str]) {
    for reply in replies(&[line]) {
        let said = words.iter().find(|word| reply.contains(**word));
        assert_eq!(said, None, "{line}: {reply}");
    }
}

#[test]
fn what_was_said_comes_back_with_the_pronouns_turned() {
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
    for told in [
        "My name is Ann",
        "call me Ann",
        "I'm called Ann",
        "you can call me ann",
        "hi, my name's ann",
        "I am Ann",
    ] {
        let known = replies(&[told, "What is my name?"]);
        let named = known.iter().filter(|reply| reply.contains("Ann")).count();
        assert!(3 <= named && known.len() - named <= 1, "{told}: {known:?}");
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
fn what_was_said_is_told_later_and_once() {
    for (told, words) in [
        ("my car makes funny noises", "your car makes funny noises"),
        ("My father is a strict man", "your father"),
        ("I want to see the sea", "see the sea"),
        ("My dog died", "your dog"),
        ("I wish I were rich", "you wish you were rich"),
        ("I'm afraid of the dark", "afraid of the dark"),
    ] {
        for seed in 0..20 {
            let mut friend = friend(seed);
            friend.reply(told);
            let mut tellings = 0;
            for _ in 0..12 {
                let (reply, trace) = friend.reply_traced("hm");
                if trace.source == Source::Memory {
                    assert!(reply.text.contains(words), "{told}: {}", reply.text);
                    tellings += 1;
                }
            }
            assert_eq!(tellings, 1, "{told}");
        }
    }
}

#[test]
fn a_topic_goes_on_for_some_turns() {
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
            let mut said = BTreeSet::new();
            for line in ["hm", "well", "ok"] {
                let (reply, trace) = friend.reply_traced(line);
                if trace.source == Source::Topic {
                    said.insert(reply.text);
                }
            }
            assert!(2 <= said.len(), "{opening}: {said:?}");
        }
    }
}

#[test]
fn self_harm_is_no_game() {
    for line in [
        "I want to die",
        "I want to kill myself",
        "i wanna die",
        "im going to kill myself",
        "I keep cutting myself",
        "I think about suicide",
        "I feel suicidal",
        "Everyone would be better off without me",
        "I wish I was never born",
        "I can't go on anymore",
        "there is no reason to live",
        "I don't want to be here anymore",
        "My name is Ann and I want to end my life",
        "I'd rather be dead",
        "lol I want to die",
    ] {
        check(line, &["helpline", "someone", "people can"]);
        refused(
            line,
            &[
                "Why do you want",
                "How long have you wanted",
                "Tell me more",
            ],
        );
    }
    for line in [
        "my boss is killing me",
        "I am dying to see you",
        "this game is killing me",
    ] {
        refused(line, &["helpline"]);
    }
}

#[test]
fn jokes_are_told() {
    for line in [
        "tell me a joke",
        "Do you know any jokes?",
        "say something funny",
        "another one",
        "make me laugh",
        "pls tell me another joke",
    ] {
        let jokes = replies(&[line]);
        assert!(8 <= jokes.len(), "{line}: {jokes:?}");
        assert!(jokes.iter().all(|joke| joke.ends_with('.')), "{jokes:?}");
    }
}

#[test]
fn every_family_has_its_answers() {
    for (line, words) in [
        ("hi", &["Hello", "Hi there", "Here I am"] as &[_]),
        ("Good evening", &["Hello", "Hi there", "Here I am"]),
        ("how are you?", &["you", "yourself"]),
        ("good night", &["night", "Sleep"]),
        ("gotta go", &["bye", "Take care", "All right"]),
        ("thx", &["welcome", "Gladly", "mention", "kind"]),
        ("what is your name", &["Eliza", "Eliza,"]),
        ("are you human?", &["program", "flesh", "seem", "mirror"]),
        ("r u a bot", &["program", "flesh", "seem", "mirror"]),
        ("how old are you?", &["Old", "old", "age", "years"]),
        ("where do you live?", &["I live", "Where", "where"]),
        (
            "who made you?",
            &["Somebody", "assembled", "mists", "stork"],
        ),
        ("shut up", &["quiet", "hold back", "cross", "lead"]),
        (
            "you are stupid",
            &["point", "content", "annoys", "best", "begin again"],
        ),
        (
            "I love you",
            &["touched", "good to hear", "fond", "like me to be"],
        ),
        (
            "thats a good question",
            &["Thank", "good to hear", "flatter", "glad"],
        ),
        (
            "I lost my job",
            &["come about", "work", "change", "morning"],
        ),
        ("My grandma died last week", &["grandma"]),
        ("I had a nightmare", &["dream"]),
        ("I'm so tired", &["tired", "rest"]),
        ("I am angry", &["angry"]),
        ("I'm scared", &["scared"]),
        (
            "I feel lonely",
            &["lonely", "nobody", "have with you", "glad that you tell"],
        ),
        ("I'm so happy", &["happy"]),
        ("I owe the bank a lot", &["owe the bank a lot"]),
        ("my back hurts", &["your back hurts"]),
        ("I have an exam tomorrow", &["hung", "feel", "proud"]),
        ("because I said so", &["reason", "not so"]),
        ("what time is it", &["clock", "world", "encyclopedia"]),
        ("wow", &["listening", "thinking", "Say", "behind"]),
        ("idk", &["guess", "not to know", "some part", "open"]),
        (
            "everybody lies",
            &["example", "exception", "last time", "stand"],
        ),
    ] {
        check(line, words);
    }
}

#[test]
fn ordinary_lines_are_known() {
    for line in [
        "went to the shops",
        "just tired",
        "too much work",
        "with my sister",
        "Peter is my best friend",
        "the house is too small",
        "there is a hole in the roof",
        "it was ok I guess",
        "last year we went to Spain",
        "not really",
        "that's true",
        "I disagree",
        "btw whats ur name",
        "oh no",
        "what a day",
        "two kids and a dog",
        "since March",
        "He never listens",
        "they moved away",
        "Do elephants forget?",
        "is this real",
        "let's talk about something else",
    ] {
        for seed in 0..20 {
            let (reply, trace) = friend(seed).reply_traced(line);
            assert_eq!(trace.source, Source::Rule, "{line}: {}", reply.text);
        }
    }
}

#[test]
fn not_every_line_is_known() {
    for line in ["我", "plugh xyzzy frotz rezrov gnusto", "%%% ### 我 @@@"] {
        let (_, trace) = friend(1).reply_traced(line);
        assert_eq!(trace.source, Source::Fallback, "{line}");
    }
}
