//! Input lines to each built-in script: every reply is one clean line and not repeated in a row.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_eliza::{Conversation, Format, Script};

fuzz_target!(|lines: (u64, Vec<String>)| {
    for script in Script::NAMES.into_iter().filter_map(Script::named) {
        let script = script.expect("built-in scripts compile");
        let mut talk = Conversation::new(&script, lines.0);
        let mut last = talk.greet().unwrap_or_default();
        for line in &lines.1 {
            let (reply, trace) = talk.reply_traced(line);
            assert!(!reply.text.chars().any(char::is_control));
            assert!(reply.text != last || script.format() != Format::Pattern);
            drop(trace.to_string());
            last = reply.text;
        }
    }
});
