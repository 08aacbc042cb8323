//! How fast replies are found, without a program around: lines that are mixed as people mix them, by
//! each script. A script of 1966 is taken from the folder that `SWITCHBOARD_ELIZA_1966` names.

#[expect(unreachable_pub, reason = "it is the library's of the runners, too")]
#[path = "../../../bench/src/sentences.rs"]
mod sentences;

use std::env;
use std::fs;
use std::path::Path;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use switchboard_eliza::{Conversation, Script};

fn main() {
    divan::main();
}

/// All lines of the mixture, to a script that is built in.
#[divan::bench(args = Script::NAMES)]
fn built_in(bencher: Bencher<'_, '_>, name: &str) {
    replies(
        bencher,
        &Script::named(name)
            .expect("it is built in")
            .expect("it compiles"),
    );
}

/// The same, to the one of 1966; ignored where it is not at hand.
#[divan::bench(ignore = env::var_os(FOLDER).is_none())]
fn doctor(bencher: Bencher<'_, '_>) {
    let folder = env::var_os(FOLDER).expect("else it is ignored");
    let path = Path::new(&folder).join("doctor.script");
    let text = fs::read(path).expect("the folder has it");
    replies(bencher, &Script::load(text).expect("it is a script"));
}

/// The same, with the trace of each reply.
#[divan::bench(args = Script::NAMES)]
fn traced(bencher: Bencher<'_, '_>, name: &str) {
    let script = Script::named(name)
        .expect("it is built in")
        .expect("it compiles");
    let said = said();
    let mut talk = Conversation::new(&script, 1);
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for line in said.lines() {
            black_box(talk.reply_traced(line));
        }
    });
}

/// How long a built-in script takes to be read; for that a program waits when it starts.
#[divan::bench]
fn reading_the_friend() -> Script {
    let text = include_bytes!("../../../data/eliza/friend.toml");
    Script::load(text).expect("it is built in")
}

fn replies(bencher: Bencher<'_, '_>, script: &Script) {
    let said = said();
    let mut talk = Conversation::new(script, 1);
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for line in said.lines() {
            black_box(talk.reply(line));
        }
    });
}

fn said() -> String {
    String::from_utf8(sentences::sentences(LINES)).expect("sentences are text")
}

const FOLDER: &str = "SWITCHBOARD_ELIZA_1966";
const LINES: usize = 1000;
