//! Ordinary lines, written independently of the scripts: few of them reach the fallback. Some have
//! shaped the scripts since, so this is a regression test, not an estimate for other lines.

use switchboard_eliza::{Conversation, Script, Source};

const TALK: usize = 20; // lines per conversation
const SEEDS: u64 = 10;

#[track_caller]
fn check(name: &str, lines: &str) {
    let script = Script::named(name)
        .expect("it is built in")
        .expect("it compiles");
    let lines: Vec<_> = lines.lines().collect();
    let mut sources = Vec::new();
    for seed in 0..SEEDS {
        for talk in lines.chunks(TALK) {
            let mut friend = Conversation::new(&script, seed);
            let replies = talk.iter().map(|line| friend.reply_traced(line).1.source);
            sources.extend(replies);
        }
    }
    let percent = |of: &[Source]| {
        let found = sources.iter().filter(|source| of.contains(source));
        (found.count() * 100).div_ceil(sources.len())
    };
    let lost = percent(&[Source::Fallback]);
    let elsewhere = percent(&[Source::Topic, Source::Memory]);
    println!("at a loss: {lost} %, topic or memory: {elsewhere} %");
    assert!(lost <= 10, "at a loss: {lost} %");
    assert!(elsewhere <= 25, "topic or memory: {elsewhere} %");
}

#[test]
fn the_friend_seldom_needs_the_fallback() {
    check("friend", include_str!("friend.txt"));
}

#[test]
fn ami_seldom_needs_the_fallback() {
    check("ami", include_str!("ami.txt"));
}
