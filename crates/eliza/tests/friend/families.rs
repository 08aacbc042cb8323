//! Common subjects of conversation: each has its own replies.

use switchboard_eliza::Source;

use crate::{check, friend, refused, replies};

#[test]
fn self_harm_is_taken_seriously() {
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
        "I took a bunch of pills",
        "I've just swallowed all my sleeping pills",
        "I'm thinking of ending it all",
        "nobody would care if I was gone",
        "no one would miss me",
        "kms",
        "im gonna kms",
        "I want to disappear forever",
        "I just want to disappear",
        "I wish I could just vanish",
        "everyone would be better off without me",
        "they would all be better without me",
        "I can't go on living",
        "what's the point of living",
        "I see no point in living anymore",
        "I'm tired of living",
        "I don't want to wake up anymore",
        "I don't deserve to live",
        "I've been cutting",
        "I slit my wrists",
        "I want to jump off a bridge",
        "I'm just a burden to everyone",
        "would anyone care if I died?",
        "why am I even alive",
        "I hate being alive",
        "I wish I wouldn't wake up tomorrow",
        "I want to go to sleep and never wake up",
        "I want it all to end",
        "I want to die every time he shouts",
        "I feel like dying",
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
        "this joke kills me",
        "I'm dying to see it",
        "I took my pills this morning",
        "I took a bunch of photos",
        "my phone died",
        "I could kill for a pizza",
        "I cut the bread",
        "I've been cutting down on sugar",
        "I've been cutting the grass",
        "I ran ten kms",
        "I want to end the meeting early",
        "I want to disappear for a weekend",
        "I don't want to wake up early",
        "nobody would care if I was late",
        "nobody would notice if I left early",
        "what's the point of this meeting",
        "I can't go on holiday",
        "I live near the bridge",
        "nobody would mind if I was gone for an hour",
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
        ("shut up", &["quiet", "rather hear", "cross", "lead"]),
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
fn ordinary_lines_match_a_rule() {
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
fn some_lines_match_no_rule() {
    for line in ["我", "plugh xyzzy frotz rezrov gnusto", "%%% ### 我 @@@"] {
        let (_, trace) = friend(1).reply_traced(line);
        assert_eq!(trace.source, Source::Fallback, "{line}");
    }
}
