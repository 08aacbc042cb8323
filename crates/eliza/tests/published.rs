//! The script and the conversation that were published in 1966, if they are at hand: they are
//! nobody's to pass on, so a folder with `doctor.script` and `conversation.txt` is named by
//! `SWITCHBOARD_ELIZA_1966`.

use std::env;
use std::fs;
use std::path::PathBuf;

use switchboard_eliza::{Conversation, Format, Script, Source};

/// The text of one of the files; nothing without the folder.
fn published(name: &str) -> Option<String> {
    let Some(folder) = env::var_os("SWITCHBOARD_ELIZA_1966") else {
        eprintln!("skipped: SWITCHBOARD_ELIZA_1966 names no folder with {name}");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    Some(fs::read_to_string(path).expect("the folder has it"))
}

fn doctor() -> Option<Script> {
    let text = published("doctor.script")?;
    Some(Script::load(text).expect("the program of 1966 understood it"))
}

#[test]
fn the_published_conversation_goes_as_it_went() {
    let (Some(script), Some(text)) = (doctor(), published("conversation.txt")) else {
        return;
    };
    let mut talk = Conversation::new(&script, 1);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 30);
    for pair in lines.chunks(2) {
        let said = pair[0]
            .strip_prefix("> ")
            .expect("every other line was said");
        assert_eq!(talk.reply(said).text, pair[1], "to {said:?}");
    }
}

#[test]
fn the_published_script_is_what_it_is() {
    let Some(script) = doctor() else {
        return;
    };
    assert_eq!(script.format(), Format::Doctor1966);
    assert_eq!(script.rules(), 67);
    assert_eq!(script.lint(), []);
    let mut talk = Conversation::new(&script, 1);
    let text = published("doctor.script").expect("it was read above");
    let opening = text
        .lines()
        .find_map(|line| line.strip_prefix('(')?.strip_suffix(')'));
    let words: Vec<_> = opening.expect("it is first").split_whitespace().collect();
    assert_eq!(talk.greet(), Some(words.join(" ")));
    assert_eq!(talk.farewell(), None);
}

#[test]
fn every_way_to_a_reply_is_gone_in_the_published_script() {
    let Some(script) = doctor() else {
        return;
    };
    let mut talk = Conversation::new(&script, 1);
    let mut from = |line| talk.reply_traced(line).1.source;
    assert_eq!(from("My garden is my castle"), Source::Rule);
    assert_eq!(from("Tulips"), Source::Fallback);
    assert_eq!(from("My ship"), Source::Rule);
    assert_eq!(from("You're"), Source::Rule);
    assert_eq!(from("I am fond of daisies but"), Source::Rule);
    assert_eq!(from("Roses"), Source::Fallback);
    assert_eq!(from("Lilies"), Source::Memory);
    assert_eq!(from("Can"), Source::NoMatch);
}
