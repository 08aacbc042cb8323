//! Ordinary lines, written apart from the script: few of them leave the French friend at a loss. Some have
//! shaped the script since, so this guards what is known, and is no measure of what is not.

use switchboard_eliza::Source;

use crate::ami;

const LINES: &str = include_str!("ordinary.txt");
const TALK: usize = 20; // lines to a conversation
const SEEDS: u64 = 10;

#[test]
fn ordinary_talk_leaves_it_seldom_at_a_loss() {
    let lines: Vec<_> = LINES.lines().collect();
    let mut sources = Vec::new();
    for seed in 0..SEEDS {
        for talk in lines.chunks(TALK) {
            let mut ami = ami(seed);
            let replies = talk.iter().map(|line| ami.reply_traced(line).1.source);
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
