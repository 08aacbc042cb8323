//! The script and the conversation that were published in 1966. They are not distributed with this
//! project, so the tests are ignored by default: to run them, set `SWITCHBOARD_ELIZA_1966` to a
//! folder with `doctor.script` and `conversation.txt`, and pass `--include-ignored`.

use std::env;
use std::fs;
use std::path::PathBuf;

use switchboard_eliza::{Conversation, Format, Script, Source};

fn published(name: &str) -> String {
    let folder = env::var_os("SWITCHBOARD_ELIZA_1966").expect("SWITCHBOARD_ELIZA_1966 is set");
    let path = PathBuf::from(folder).join(name);
    fs::read_to_string(path).expect("the folder has it")
}

fn doctor() -> Script {
    Script::load(published("doctor.script")).expect("the program of 1966 understood it")
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn the_published_conversation_is_reproduced() {
    let text = published("conversation.txt");
    let mut talk = Conversation::new(&doctor(), 1);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 30);
    for pair in lines.chunks(2) {
        let input = pair[0].strip_prefix("> ").expect("odd lines are input");
        assert_eq!(talk.reply(input).text, pair[1], "to {input:?}");
    }
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn the_published_script_parses() {
    let script = doctor();
    assert_eq!(script.format(), Format::Doctor1966);
    assert_eq!(script.rules(), 67);
    assert_eq!(script.lint(), []);
    let mut talk = Conversation::new(&script, 1);
    let text = published("doctor.script");
    let opening = text
        .lines()
        .find_map(|line| line.strip_prefix('(')?.strip_suffix(')'));
    let words: Vec<_> = opening.expect("it is first").split_whitespace().collect();
    assert_eq!(talk.greet(), Some(words.join(" ")));
    assert_eq!(talk.farewell(), None);
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn the_published_script_uses_every_source() {
    let mut talk = Conversation::new(&doctor(), 1);
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
