//! The memory of an idle conversation.

use allocation_counter::measure;
use switchboard_eliza::{Conversation, Script};

const LINES: [&str; 12] = [
    "Hello, my name is Ann",
    "I need help",
    "My mother is ill, and my job is hard.",
    "my dog died",
    "I am afraid of everything",
    "perhaps",
    "Mon travail est dur, et ma mère est malade",
    "je suis triste",
    "you are kind",
    "the rain goes on and on and on",
    "I dreamed of a house",
    "no",
];

#[track_caller]
fn check(name: &str, script: &Script) {
    let mut talks = Vec::with_capacity(COUNT);
    // One-time allocations of the first replies do not count.
    let talk = |seed| {
        let mut talk = Conversation::new(script, seed as u64);
        talk.greet();
        for line in LINES {
            talk.reply(line);
        }
        talk
    };
    drop(talk(0));
    let used = measure(|| talks.extend((0..COUNT).map(talk)));
    let each = size_of::<Conversation>() + used.bytes_current as usize / COUNT;
    println!("{name}: {each} bytes");
    assert!(
        0 < used.bytes_current && each < 2048,
        "{name}: {each} bytes"
    );
}

#[test]
fn an_idle_conversation_is_below_two_kib() {
    for name in Script::NAMES {
        check(
            name,
            &Script::named(name)
                .expect("it is built in")
                .expect("it compiles"),
        );
    }
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn an_idle_published_conversation_is_below_two_kib() {
    let folder = std::env::var_os("SWITCHBOARD_ELIZA_1966").expect("it is set");
    let file = std::path::Path::new(&folder).join("doctor.script");
    let script = std::fs::read(file).expect("the folder has it");
    check("1966", &Script::load(script).expect("it is well formed"));
}

const COUNT: usize = 100;
