//! Speed of the engines alone, with a realistic mix of lines and each script. A script of 1966 is
//! read from the folder `SWITCHBOARD_ELIZA_1966`.

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

/// All lines of the mix, with each built-in script.
#[divan::bench(args = Script::NAMES)]
fn built_in(bencher: Bencher<'_, '_>, name: &str) {
    replies(
        bencher,
        &Script::named(name)
            .expect("it is built in")
            .expect("it compiles"),
    );
}

/// The same with the script of 1966; ignored if the folder is not set.
#[divan::bench(ignore = env::var_os(FOLDER).is_none())]
fn doctor(bencher: Bencher<'_, '_>) {
    let folder = env::var_os(FOLDER).expect("else it is ignored");
    let path = Path::new(&folder).join("doctor.script");
    let text = fs::read(path).expect("the folder has it");
    replies(bencher, &Script::load(text).expect("it is a script"));
}

/// The same with traces.
#[divan::bench(args = Script::NAMES)]
fn traced(bencher: Bencher<'_, '_>, name: &str) {
    let script = Script::named(name)
        .expect("it is built in")
        .expect("it compiles");
    let input = input();
    let mut talk = Conversation::new(&script, 1);
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for line in input.lines() {
            black_box(talk.reply_traced(line));
        }
    });
}

/// The time to parse a built-in script, which delays the start of a program.
#[divan::bench]
fn reading_the_friend() -> Script {
    let text = include_bytes!("../../../data/eliza/friend.toml");
    Script::load(text).expect("it is built in")
}

fn replies(bencher: Bencher<'_, '_>, script: &Script) {
    let input = input();
    let mut talk = Conversation::new(script, 1);
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for line in input.lines() {
            black_box(talk.reply(line));
        }
    });
}

fn input() -> String {
    String::from_utf8(sentences::sentences(LINES)).expect("sentences are text")
}

const FOLDER: &str = "SWITCHBOARD_ELIZA_1966";
const LINES: usize = 1000;
