//! The replies fit what was said, and not just a word in it.

use crate::{check, friend, refused, replies};

#[test]
fn a_word_in_passing_does_not_take_over() {
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
fn who_is_ill_is_not_asked_why() {
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
fn what_might_be_done_is_taken_up() {
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
fn what_is_remembered_is_a_sentence() {
    for told in [
        "my fingers ache so much",
        "my plants wither away",
        "my garden",
    ] {
        refused(told, &["something about your"]);
        for seed in 0..20 {
            let mut friend = friend(seed);
            friend.reply(told);
            for _ in 0..6 {
                let reply = friend.reply("hm").text;
                assert!(!reply.contains("about your"), "{told}: {reply}");
            }
        }
    }
    refused("I don't believe in ghosts", &["think in"]);
}

#[test]
fn the_friend_is_there_and_keeps_secrets() {
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
fn what_one_does_by_oneself_is_no_loneliness() {
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
fn what_the_friend_might_do_is_taken_up() {
    check("Maybe you could help me", &["help you"]);
    check("perhaps you should try harder", &["I should try harder"]);
    check("maybe you don't like me", &["I don't like you"]);
}
