//! Your virtual friend, as a service.

mod command;
mod guest;
mod scripts;
mod telling;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use switchboard_core::{Config, Peer, Refusal, Result, Service, Session, Transport};
use switchboard_eliza::Script;

pub use scripts::{NoScript, find_script, read_script};
pub use telling::Telling;

use guest::Guest;
use scripts::Scripts;

/// ELIZA: opens by asking how one feels, answers each line, and ends on a farewell.
pub struct Eliza {
    scripts: Arc<Scripts>,
    seed: Option<u64>,
    commands: bool,
    telling: Telling,
}

/// Which friend, and how predictable.
#[derive(Args)]
pub struct Options {
    /// Speak by this script: a built-in one (see `switchboard script list`), or a file
    /// (repeatable with --commands: the first is spoken, the others can be changed to)
    #[arg(long, value_name = "NAME|FILE")]
    script: Vec<PathBuf>,

    /// Give every conversation the same chance, so that the same words get the same answers
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Obey lines that begin with *: `*why` tells how the last reply came about, `*reset` begins
    /// anew, `*script NAME` with another script, `*help` tells more
    #[arg(long)]
    commands: bool,
}

impl Eliza {
    /// A friend who speaks by this script, with chances of its own in every conversation, or with
    /// the same from this seed.
    #[must_use]
    pub fn new(script: Script, seed: Option<u64>) -> Self {
        Self {
            scripts: Arc::new(Scripts::one(script)),
            seed,
            commands: false,
            telling: Telling::Replies,
        }
    }

    /// The friend that was asked for, with all scripts read and compiled.
    ///
    /// # Errors
    ///
    /// Says which file, which line of it, and why it cannot be used; a line for each reason.
    pub fn from_options(options: Options) -> Result<Self, String> {
        let Options {
            script,
            seed,
            commands,
        } = options;
        let scripts = Scripts::find(&script, commands)?;
        Ok(Self {
            scripts: Arc::new(scripts),
            seed,
            commands,
            telling: Telling::Replies,
        })
    }

    /// The same friend, who tells so much of each turn.
    #[must_use]
    pub fn telling(self, telling: Telling) -> Self {
        Self { telling, ..self }
    }
}

impl Service for Eliza {
    fn config(&self, _: Transport) -> Config {
        Config::lines()
    }

    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let scripts = Arc::clone(&self.scripts);
        let guest = Guest::new(scripts, self.seed, self.telling, self.commands);
        Ok(Box::new(guest))
    }
}

#[cfg(test)]
mod tests {
    use switchboard_core::Limits;
    use switchboard_core::testing::{Chunks, drive_stream};
    use switchboard_eliza::Conversation;

    use super::*;
    use crate::talk::{every_chunking, first_words, from_words};

    fn friend(seed: u64) -> Eliza {
        Eliza::new(Script::friend().expect("it compiles"), Some(seed))
    }

    /// What the engine says, by lines, when nothing is between.
    fn said(seed: u64, lines: &[&str], end: &str) -> String {
        let mut friend = Conversation::new(&Script::friend().expect("it compiles"), seed);
        let mut all = friend.greet().expect("it opens") + "\n";
        for line in lines {
            all += &(friend.reply(line).text + end);
        }
        if lines.last() != Some(&"quit") {
            all += &(friend.farewell().expect("it closes") + end);
        }
        all
    }

    #[test]
    fn it_greets_answers_and_says_goodbye() {
        let lines = ["I need a holiday", "", "quit"];
        every_chunking(
            &friend(1),
            b"I need a holiday\n\nquit\nnot heard\n",
            said(1, &lines, "\n").as_bytes(),
        );
        every_chunking(
            &friend(1),
            b"I need a holiday\r\n\r\nquit\r\n",
            said(1, &lines, "\r\n").as_bytes(),
        );
    }

    #[test]
    fn it_says_goodbye_to_who_hangs_up() {
        every_chunking(&friend(2), b"", said(2, &[], "\n").as_bytes());
        every_chunking(
            &friend(2),
            b"I need he",
            said(2, &["I need he"], "\n").as_bytes(),
        );
    }

    #[test]
    fn strange_bytes_are_answered() {
        every_chunking(
            &friend(3),
            b"I need \0\x1b\xc3\x28\n",
            said(3, &["I need \0\x1b\u{fffd}("], "\n").as_bytes(),
        );
        every_chunking(
            &friend(3),
            b"\xff\xfd\x03\xff\xfb\x01hi\r\0",
            said(3, &["hi"], "\r\n").as_bytes(),
        );
    }

    #[test]
    fn conversations_are_separate() {
        let friend = Eliza::new(Script::friend().expect("it compiles"), None);
        let heard: Vec<_> = (0..40).map(|_| first_words(&friend)).collect();
        assert!(
            heard.iter().any(|words| *words != heard[0]),
            "chance is drawn for each"
        );
    }

    /// What is heard after the greeting of a friend with these options who is told these lines.
    fn told(words: &str, telling: Telling, lines: &str) -> String {
        let eliza = Eliza::from_options(from_words(words)).expect("its scripts are there");
        let pieces = Chunks {
            input: usize::MAX,
            output: usize::MAX,
        };
        let eliza = eliza.telling(telling);
        let (heard, _) = drive_stream(&eliza, lines.as_bytes(), pieces, &Limits::default());
        String::from_utf8(heard).expect("replies are text")
    }

    #[test]
    fn why_shows_the_trace_of_the_last_reply() {
        let lines = "*why\nI need a holiday\n *WHY\nquit\n";
        let heard = told("--seed 1 --commands", Telling::Replies, lines);
        let mut friend = Conversation::new(&Script::friend().expect("it compiles"), 1);
        let greeting = friend.greet().expect("it opens");
        let (reply, trace) = friend.reply_traced("I need a holiday");
        let last = friend.reply("quit").text;
        assert_eq!(
            heard,
            format!(
                "{greeting}\nNothing was answered yet.\n{}\n{trace}\n{last}\n",
                reply.text
            )
        );
    }

    #[test]
    fn a_peer_chooses_among_the_scripts_of_the_operator_only() {
        let parrot = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../data/transcripts/parrot.toml"
        );
        let lines = "*script\n*script FRIEND\n*script parrot.toml\n*script /etc/passwd\n*reset\n";
        let words = format!("--seed 1 --commands --script {parrot}");
        let heard = told(&words, Telling::Replies, lines);
        let lines: Vec<&str> = heard.lines().collect();
        let greeting = Conversation::new(&Script::friend().expect("it compiles"), 1).greet();
        let there_are = format!("there are: parrot, {}", Script::NAMES.join(", "));
        assert_eq!(lines[0], "How do you feel?");
        assert_eq!(lines[1], format!("This is parrot; {there_are}"));
        assert_eq!(Some(lines[2]), greeting.as_deref());
        assert_eq!(lines[3], "How do you feel?");
        assert_eq!(lines[4], format!("No such script; {there_are}"));
        assert_eq!(lines[5..], ["How do you feel?", "Goodbye."]);
    }

    #[test]
    fn without_commands_an_asterisk_is_talk() {
        let heard = told("--seed 1", Telling::Replies, "*why\n");
        assert_eq!(heard, said(1, &["*why"], "\n"));
    }

    #[test]
    fn commands_are_the_same_in_every_chunking() {
        let eliza = Eliza::from_options(from_words("--seed 1 --commands"));
        let eliza = eliza.expect("its script is built in");
        let lines = "hi\r\n*why\r\n*help\r\n";
        let pieces = Chunks {
            input: usize::MAX,
            output: usize::MAX,
        };
        let (heard, _) = drive_stream(&eliza, lines.as_bytes(), pieces, &Limits::default());
        every_chunking(&eliza, lines.as_bytes(), &heard);
    }

    #[test]
    fn what_is_kept_of_a_trace_is_short() {
        let line = "you ".repeat(2000);
        let heard = told(
            "--seed 1 --commands",
            Telling::Replies,
            &format!("{line}\n*why\n"),
        );
        assert!(heard.len() < 6000, "{heard}");
    }

    #[test]
    fn json_is_an_object_a_line() {
        let line = "\u{1}".repeat(8000);
        let lines = format!("I need a holiday\n*help\n{line}\n\u{1b}I need help\n");
        let heard = told("--seed 1 --commands", Telling::Json, &lines);
        let objects: Vec<serde_json::Value> = heard
            .lines()
            .map(|line| serde_json::from_str(line).expect("it is JSON"))
            .collect();
        let source = |object: &serde_json::Value| object["source"].to_string();
        let sources: Vec<String> = objects.iter().map(source).collect();
        let expected = ["greeting", "rule", "command", "silence", "rule", "farewell"];
        assert_eq!(sources, expected.map(|source| format!("\"{source}\"")));
        assert_eq!(objects[1]["line"], "I need a holiday");
        assert!(objects.iter().all(|object| object["reply"].is_string()));
    }

    #[test]
    fn a_readable_trace_goes_before_its_reply() {
        let heard = told("--seed 1", Telling::Trace, "I need a holiday\n");
        let lines: Vec<&str> = heard.lines().collect();
        assert_eq!(lines[1], "  input       I need a holiday");
        let shown = lines
            .iter()
            .find_map(|line| line.strip_prefix("  reply       "));
        assert_eq!(shown, Some(lines[lines.len() - 2]), "{heard}");
    }

    #[test]
    fn what_is_told_of_a_turn_fits_an_outbox() {
        let line = format!("{}\n", "\u{7f}\u{1} \" \u{e0001} ".repeat(700));
        for telling in [Telling::Trace, Telling::Json, Telling::Steps] {
            let heard = told("--seed 1", telling, &line.repeat(3));
            let last = heard.lines().last().expect("it says goodbye");
            assert!(
                heard.contains("oodbye") || last.contains("farewell"),
                "{heard}"
            );
        }
    }
}
