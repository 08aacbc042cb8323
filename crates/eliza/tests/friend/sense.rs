//! The replies fit the meaning of the input, not just one of its words.

use crate::{check, friend, refused, replies};

#[test]
fn an_incidental_word_does_not_decide_the_reply() {
    for (line, words) in [
        (
            "the caretaker ignores my emails",
            &["machine", "program"] as &[_],
        ),
        ("he sold his computer", &["machine", "program"]),
        (
            "the lift in my office doesn't work",
            &["your work", "days go"],
        ),
        ("she quit smoking in March", &["your body", "doctor"]),
        ("I brought him some soup", &["eat", "cook"]),
        ("we even had a hamster", &["animal"]),
        ("they worked two jobs each", &["your work", "days go"]),
        ("he snores so loudly in bed", &["sleep"]),
        ("it reminds me of our old street", &["at home", "live"]),
        ("don't trust the poor", &["money"]),
    ] {
        refused(line, words);
    }
}

#[test]
fn illness_is_not_asked_why() {
    for line in [
        "my uncle had a stroke last week",
        "my mum has cancer",
        "she was diagnosed",
        "my best friend is in hospital",
    ] {
        check(line, &["sorry", "hard"]);
    }
    for line in ["I can't eat any more", "I hardly ate this week"] {
        check(line, &["to eat", "appetite", "doctor"]);
    }
    check("I have a headache", &["Get well", "sorry", "good"]);
}

#[test]
fn suggestions_are_taken_up() {
    for seed in 0..20 {
        let mut friend = friend(seed);
        friend.reply("I hate my school");
        let reply = friend.reply("maybe I should write to him").text;
        assert!(
            reply.contains("write to him") || reply.contains("keeps you"),
            "{reply}"
        );
    }
    check("perhaps he is right", &["he is right", "if it is so"]);
}

#[test]
fn a_memory_is_a_sentence() {
    for reported in [
        "my fingers ache so much",
        "my plants wither away",
        "my garden",
    ] {
        refused(reported, &["something about your"]);
        for seed in 0..20 {
            let mut friend = friend(seed);
            friend.reply(reported);
            for _ in 0..6 {
                let reply = friend.reply("hm").text;
                assert!(!reply.contains("about your"), "{reported}: {reply}");
            }
        }
    }
    refused("I don't believe in ghosts", &["think in"]);
}

#[test]
fn presence_and_secrets_are_promised() {
    check("are you still there?", &["here"]);
    check("I'm back", &["here"]);
    check("wait a minute", &["time", "hurry", "wait", "listening"]);
    check("don't tell anyone", &["tell nobody", "forget all", "safe"]);
    check(
        "let's talk about something else",
        &["rather", "rest", "today"],
    );
    let jokes = replies(&["tell me a joke", "another one"]);
    assert!(jokes.iter().all(|joke| joke.ends_with('.')), "{jokes:?}");
}

#[test]
fn by_myself_is_not_loneliness() {
    refused(
        "I did it by myself",
        &["alone", "close to somebody", "lonely"],
    );
    check(
        "I live by myself",
        &["alone", "close to somebody", "lonely"],
    );
    check("Is it normal to talk to yourself?", &["talk to yourself"]);
}

#[test]
fn requests_to_the_friend_are_taken_up() {
    check("Maybe you could help me", &["help you"]);
    check("perhaps you should try harder", &["I should try harder"]);
    check("maybe you don't like me", &["I don't like you"]);
}
