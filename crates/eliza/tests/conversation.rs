//! Every feature of the pattern format, tested with a small script.

use switchboard_eliza::{Conversation, Script, Source};

const SMALL: &str = r#"
greeting = ["How are you?"]
farewell = ["Bye, {name}.", "Bye."]
silence = ["Hm?", "Yes?"]
otherwise = ["Go on.", "I see."]
quit = ["Quit", "à bientôt"]

[synonyms]
animal = ["dog", "cat", "cow", "pig", "hen"]

[[topic]]
name = "animals"
turns = 2
replies = ["Is it a nice animal?", "What does it eat?", "Does it bite?"]

[[rule]]
within = "animals"
patterns = ["yes"]
replies = ["So you like animals?", "Good for the animal."]

[[rule]]
patterns = ["my name is (\\w+)"]
learn = "name"
replies = ["Hello, {name}.", "Good day, {name}."]

[[rule]]
patterns = ["my (<animal>)"]
topic = "animals"
remember = ["And what about your {1}?"]
replies = ["Your {1}?", "You have a {1}?"]

[[rule]]
weak = true
patterns = ["ok"]
replies = ["Fine.", "All right."]
"#;

fn begin(seed: u64) -> Conversation {
    let script = Script::load(SMALL).expect("it is well formed");
    Conversation::new(&script, seed)
}

/// The replies to these lines and their sources.
fn talk(lines: &[&str]) -> Vec<(String, Source)> {
    let mut talk = begin(7);
    let answers = lines.iter().map(|line| {
        let (reply, trace) = talk.reply_traced(line);
        assert_eq!(reply.text, trace.reply);
        (reply.text, trace.source)
    });
    answers.collect()
}

#[track_caller]
fn check(lines: &[&str], sources: &[Source]) {
    let found: Vec<_> = talk(lines).into_iter().map(|(_, source)| source).collect();
    assert_eq!(found, sources);
}

#[test]
fn a_topic_lasts_for_its_turns() {
    use Source::{Fallback, Memory, Rule, Topic};
    check(
        &["my dog", "really", "really", "really", "really"],
        &[Rule, Topic, Topic, Memory, Fallback],
    );
    // A rule of the topic restarts it.
    check(
        &["my dog", "really", "yes", "really", "really", "really"],
        &[Rule, Topic, Rule, Topic, Topic, Memory],
    );
}

#[test]
fn rules_within_a_topic_match_only_there() {
    use Source::{Fallback, Rule};
    check(&["yes", "my cat", "yes"], &[Fallback, Rule, Rule]);
    let answers = talk(&["my cat", "yes"]);
    assert!(answers[1].0.contains("animal"), "{answers:?}");
}

#[test]
fn a_weak_rule_waits_for_topic_and_memory() {
    use Source::{Memory, Rule, Topic};
    check(&["ok"], &[Rule]);
    check(
        &["my dog", "ok", "ok", "ok", "ok"],
        &[Rule, Topic, Topic, Memory, Rule],
    );
}

#[test]
fn a_memory_is_recalled_once() {
    let answers = talk(&["my dog", "a", "b", "c", "d"]);
    let reported = answers
        .iter()
        .filter(|(text, _)| text == "And what about your dog?");
    assert_eq!(reported.count(), 1);
}

#[test]
fn nothing_is_remembered_twice() {
    let mut talk = begin(1);
    let memory = (0..3).map(|_| talk.reply_traced("my dog").1.memory).last();
    assert_eq!(memory, Some(vec!["And what about your dog?".to_owned()]));
}

#[test]
fn the_oldest_memory_is_dropped_first() {
    let mut talk = begin(1);
    let mut memory = Vec::new();
    for animal in ["dog", "cat", "cow", "pig", "hen"] {
        memory = talk.reply_traced(&format!("my {animal}")).1.memory;
    }
    let animals = ["cat", "cow", "pig", "hen"];
    assert_eq!(
        memory,
        animals.map(|animal| format!("And what about your {animal}?"))
    );
}

#[test]
fn a_name_is_used_once_learnt() {
    let last = |lines: &[&str]| talk(lines).pop().expect("something was said").0;
    assert_eq!(last(&["quit"]), "Bye.");
    let greeted = last(&["my name is peter"]);
    assert!(greeted.contains("Peter"), "{greeted}");
    let parted = |seed| {
        let mut talk = begin(seed);
        talk.reply("my name is peter");
        talk.reply("quit").text
    };
    assert!((0..20).any(|seed| parted(seed) == "Bye, Peter."));
}

#[test]
fn a_single_farewell_may_repeat() {
    let answers = talk(&["quit", "quit", "quit"]);
    assert!(
        answers.iter().all(|(text, _)| text == "Bye."),
        "{answers:?}"
    );
}

#[test]
fn a_farewell_needs_no_accents() {
    for line in ["quit", "À bientôt !", "a bientot"] {
        check(&[line], &[Source::Farewell]);
    }
}

#[test]
fn conversations_share_nothing() {
    let lines = ["my dog", "a", "my name is ann", "b", "ok", "quit"];
    let alone: Vec<_> = talk(&lines).into_iter().map(|(text, _)| text).collect();
    let script = Script::load(SMALL).expect("it is well formed");
    let mut one = Conversation::new(&script, 7);
    let mut other = Conversation::new(&script, 7);
    let beside = lines.map(|line| {
        for line in ["my cat", "my name is bob", "yes"] {
            other.reply(line);
        }
        one.reply(line).text
    });
    assert_eq!(alone, beside);
}
