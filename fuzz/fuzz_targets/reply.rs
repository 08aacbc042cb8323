//! Lines said to the friend: answered in one clean line, never twice the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_eliza::{Conversation, Script};

fuzz_target!(|lines: (u64, Vec<String>)| {
    let mut talk = Conversation::new(Script::friend(), lines.0);
    let mut last = talk.greet();
    for line in &lines.1 {
        let reply = talk.reply(line).text;
        assert!(!reply.chars().any(char::is_control) && reply != last);
        last = reply;
    }
});
