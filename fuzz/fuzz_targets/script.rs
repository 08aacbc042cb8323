//! Text of a script of any kind: refused with places that it has, or good for a conversation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_eliza::{Conversation, Format, Script};

fuzz_target!(|text: &[u8]| match Script::load(text) {
    Ok(script) => {
        script.lint();
        let mut talk = Conversation::new(&script, 1);
        let mut reply = || talk.reply("I need you, you need me");
        let (first, second) = (reply(), reply());
        // Only the friend promises not to repeat himself.
        assert!(first.last || first != second || script.format() != Format::Friend);
    }
    Err(error) => {
        let lines = 1 + text
            .iter()
            .filter(|byte| b"\n\r\x0b\x0c".contains(byte))
            .count();
        assert!(!error.problems().is_empty());
        for problem in error.problems() {
            assert!((1..=lines).contains(&problem.line) && 1 <= problem.column);
        }
    }
});
