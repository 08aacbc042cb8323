//! Text of a script: refused with a line that it has, or good for a conversation.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use switchboard_eliza::{Conversation, Script};

fuzz_target!(|text: &str| match Script::parse(text) {
    Ok(script) => {
        let mut talk = Conversation::new(Arc::new(script), 1);
        let (first, second) = (
            talk.reply("I need you, you need me"),
            talk.reply("I need you, you need me"),
        );
        assert!(first.last || first != second);
    }
    Err(error) => assert!((1..=text.lines().count() + 1).contains(&error.line())),
});
