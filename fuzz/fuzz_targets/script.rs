//! Scripts of any format: rejected with positions inside the text, or good for a conversation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_eliza::{Conversation, Format, Script};

fuzz_target!(|text: &[u8]| {
    let script = Script::load(text);
    let problems = match &script {
        Ok(script) => script.lint(),
        Err(error) => error.problems().to_vec(),
    };
    let ends = text.iter().filter(|byte| b"\n\r\x0b\x0c".contains(byte));
    let lines = 1 + ends.count();
    for problem in &problems {
        assert!((1..=lines).contains(&problem.line) && 1 <= problem.column);
    }
    let Ok(script) = script else {
        assert!(!problems.is_empty());
        return;
    };
    let mut talk = Conversation::new(&script, 1);
    let mut reply = || talk.reply("I need you, you need me");
    let (first, second) = (reply(), reply());
    // Only the pattern engine avoids repetitions.
    assert!(first.last || first != second || script.format() != Format::Pattern);
});
