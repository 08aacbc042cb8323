//! Scripts in Hayden's format: a script is rejected with positions inside the text, or it gives
//! conversations that are clean, short, and equal for equal seeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_eliza::{Conversation, Format, Script};

fuzz_target!(|input: &str| {
    // Plain text, so that any script can be a seed file. The input lines follow the script.
    let (text, conversation) = input
        .split_once("\n%\n")
        .unwrap_or((input, "my rose. rain\n"));
    // The first line selects the format.
    let text = format!("quit: bye\n{text}");
    let script = Script::load(&text);
    let source: Vec<_> = text.split('\n').collect();
    let problems = match &script {
        Ok(script) => script.lint(),
        Err(error) => error.problems().to_vec(),
    };
    assert!(script.is_ok() || !problems.is_empty());
    for problem in problems {
        let line = source[problem.line - 1];
        assert!((1..=line.chars().count() + 1).contains(&problem.column));
    }
    let Ok(script) = script else {
        return;
    };
    assert_eq!(script.format(), Format::Hayden);
    let [mut talk, mut other] = [(); 2].map(|()| Conversation::new(&script, 7));
    for line in conversation.lines() {
        let (reply, trace) = talk.reply_traced(line);
        assert_eq!(reply, other.reply(line));
        assert!(!reply.text.chars().any(char::is_control) && reply.text.len() <= 4096);
        assert!(trace.memory.len() <= 20);
    }
});
