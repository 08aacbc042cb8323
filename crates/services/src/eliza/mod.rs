//! ELIZA, your virtual friend, as a service.

mod command;
mod reply_format;
mod scripts;
mod session;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use switchboard_core::{Peer, Refusal, Result, Service, Session};
use switchboard_eliza::Script;

pub use reply_format::ReplyFormat;
pub use scripts::{LoadScriptError, find_script, read_script};

use crate::units::count;
use scripts::Scripts;
use session::{ElizaSession, Settings};

/// ELIZA: opens with a question, answers each line, and closes after a farewell.
pub struct Eliza {
    settings: Settings,
}

/// The options of the service, which `talk` has too.
#[derive(Args)]
pub struct Options {
    /// A built-in script (see `switchboard script list`) or a script file. Repeatable with
    /// --commands: a conversation begins with the first, and *script changes to another
    #[arg(long, value_name = "NAME|FILE")]
    script: Vec<PathBuf>,

    /// Seed the random choices, so that the same input gets the same answers in every conversation
    #[arg(long, value_name = "N", value_parser = count(0..=u64::MAX))]
    seed: Option<u64>,

    /// Accept commands: `*why` explains the last reply, `*reset` starts again, `*script NAME` changes
    /// the script, `*help` lists them
    #[arg(long)]
    commands: bool,
}

impl Eliza {
    /// A service with this script. Every session has random choices of its own, or the same ones
    /// with a `seed`.
    #[must_use]
    pub fn new(script: Script, seed: Option<u64>) -> Self {
        Self::with_scripts(Scripts::one(script), seed, false)
    }

    fn with_scripts(scripts: Scripts, seed: Option<u64>, commands: bool) -> Self {
        Self {
            settings: Settings {
                scripts: Arc::new(scripts),
                seed,
                commands,
                format: ReplyFormat::Plain,
            },
        }
    }

    /// A service with these options. All scripts are loaded.
    ///
    /// # Errors
    ///
    /// A line for each problem: the file, the line in it, and what is wrong.
    pub fn from_options(options: Options) -> Result<Self, String> {
        let names = options.script;
        let scripts = Scripts::find(&names, options.commands)?;
        Ok(Self::with_scripts(scripts, options.seed, options.commands))
    }

    /// Sets the format of the replies.
    #[must_use]
    pub fn format(mut self, format: ReplyFormat) -> Self {
        self.settings.format = format;
        self
    }
}

impl Service for Eliza {
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        Ok(Box::new(ElizaSession::new(self.settings.clone())))
    }
}

#[cfg(test)]
mod tests {
    use switchboard_core::Limits;
    use switchboard_core::testing::{Chunks, drive_stream};
    use switchboard_eliza::Conversation;

    use super::*;
    use crate::testing::{every_chunking, greeting, parse_options};

    fn eliza(seed: u64) -> Eliza {
        Eliza::new(Script::friend().expect("it compiles"), Some(seed))
    }

    /// The output of the engine itself for these lines, each ended by `end`.
    fn expected(seed: u64, lines: &[&str], end: &str) -> String {
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
    fn it_greets_answers_and_closes() {
        let lines = ["I need a holiday", "", "quit"];
        every_chunking(
            &eliza(1),
            b"I need a holiday\n\nquit\nnot read\n",
            expected(1, &lines, "\n").as_bytes(),
        );
        every_chunking(
            &eliza(1),
            b"I need a holiday\r\n\r\nquit\r\n",
            expected(1, &lines, "\r\n").as_bytes(),
        );
    }

    #[test]
    fn the_end_of_input_is_answered_with_a_farewell() {
        every_chunking(&eliza(2), b"", expected(2, &[], "\n").as_bytes());
        every_chunking(
            &eliza(2),
            b"I need he",
            expected(2, &["I need he"], "\n").as_bytes(),
        );
    }

    #[test]
    fn bytes_that_are_not_text_are_answered() {
        every_chunking(
            &eliza(3),
            b"I need \0\x1b\xc3\x28\n",
            expected(3, &["I need \0\x1b\u{fffd}("], "\n").as_bytes(),
        );
        every_chunking(
            &eliza(3),
            b"\xff\xfd\x03\xff\xfb\x01hi\r\0",
            expected(3, &["hi"], "\r\n").as_bytes(),
        );
    }

    #[test]
    fn sessions_have_random_choices_of_their_own() {
        let eliza = Eliza::new(Script::friend().expect("it compiles"), None);
        let greetings: Vec<_> = (0..40).map(|_| greeting(&eliza)).collect();
        assert!(greetings.iter().any(|other| *other != greetings[0]));
    }

    /// The output of a service with these options for these lines.
    fn output(options: &str, format: ReplyFormat, lines: &str) -> String {
        let eliza = Eliza::from_options(parse_options(options)).expect("its scripts exist");
        let chunks = Chunks {
            input: usize::MAX,
            output: usize::MAX,
        };
        let eliza = eliza.format(format);
        let (sent, _) = drive_stream(&eliza, lines.as_bytes(), chunks, &Limits::default());
        String::from_utf8(sent).expect("the output is text")
    }

    #[test]
    fn why_shows_the_trace_of_the_last_reply() {
        let lines = "*why\nI need a holiday\n *WHY\nquit\n";
        let sent = output("--seed 1 --commands", ReplyFormat::Plain, lines);
        let mut friend = Conversation::new(&Script::friend().expect("it compiles"), 1);
        let greeting = friend.greet().expect("it opens");
        let (reply, trace) = friend.reply_traced("I need a holiday");
        let last = friend.reply("quit").text;
        assert_eq!(
            sent,
            format!(
                "{greeting}\nNothing was answered yet.\n{}\n{trace}\n{last}\n",
                reply.text
            )
        );
    }

    #[test]
    fn a_peer_chooses_only_among_the_loaded_scripts() {
        let parrot = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../data/transcripts/parrot.toml"
        );
        let lines = "*script\n*script FRIEND\n*script parrot.toml\n*script /etc/passwd\n*reset\n";
        let options = format!("--seed 1 --commands --script {parrot}");
        let sent = output(&options, ReplyFormat::Plain, lines);
        let lines: Vec<&str> = sent.lines().collect();
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
    fn without_commands_an_asterisk_is_input() {
        let sent = output("--seed 1", ReplyFormat::Plain, "*why\n");
        assert_eq!(sent, expected(1, &["*why"], "\n"));
    }

    #[test]
    fn an_unknown_command_is_named() {
        let sent = output(
            "--seed 1 --commands",
            ReplyFormat::Plain,
            "*foo bar\n*\x1b[31m\n",
        );
        let lines: Vec<&str> = sent.lines().collect();
        assert_eq!(
            lines[1],
            "There is no command *foo; *help lists the commands."
        );
        assert_eq!(
            lines[2],
            r"There is no command *\x1b[31m; *help lists the commands."
        );
    }

    #[test]
    fn zero_width_characters_count_as_nothing() {
        for (plain, hidden) in [
            ("quit\nx\n", "\u{feff}qu\u{ad}it\u{200b}\nx\n"),
            ("*help\n", "\u{2060}*he\u{200b}lp\n"),
            ("I am sad\n", "I\u{200b} am s\u{ad}ad\u{feff}\n"),
        ] {
            let output = |lines| output("--seed 1 --commands", ReplyFormat::Plain, lines);
            assert_eq!(output(hidden), output(plain));
        }
    }

    #[test]
    fn commands_are_the_same_in_every_chunking() {
        let eliza = Eliza::from_options(parse_options("--seed 1 --commands"));
        let eliza = eliza.expect("its script is built in");
        let lines = "hi\r\n*why\r\n*help\r\n";
        let chunks = Chunks {
            input: usize::MAX,
            output: usize::MAX,
        };
        let (sent, _) = drive_stream(&eliza, lines.as_bytes(), chunks, &Limits::default());
        every_chunking(&eliza, lines.as_bytes(), &sent);
    }

    #[test]
    fn the_stored_trace_is_short() {
        let line = "you ".repeat(2000);
        let sent = output(
            "--seed 1 --commands",
            ReplyFormat::Plain,
            &format!("{line}\n*why\n"),
        );
        assert!(sent.len() < 6000, "{sent}");
    }

    #[test]
    fn json_has_an_object_per_line() {
        let line = "\u{1}".repeat(8000);
        let lines = format!("I need a holiday\n*help\n{line}\n\u{1b}I need help\n");
        let sent = output("--seed 1 --commands", ReplyFormat::Json, &lines);
        let objects: Vec<serde_json::Value> = sent
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let source = |object: &serde_json::Value| object["source"].to_string();
        let sources: Vec<String> = objects.iter().map(source).collect();
        let expected = ["greeting", "rule", "command", "silence", "rule", "farewell"];
        assert_eq!(sources, expected.map(|source| format!("\"{source}\"")));
        assert_eq!(objects[1]["line"], "I need a holiday");
        assert!(objects.iter().all(|object| object["reply"].is_string()));
    }

    #[test]
    fn a_text_trace_precedes_its_reply() {
        let sent = output("--seed 1", ReplyFormat::Trace, "I need a holiday\n");
        let lines: Vec<&str> = sent.lines().collect();
        assert_eq!(lines[1], "  input       I need a holiday");
        let shown = lines
            .iter()
            .find_map(|line| line.strip_prefix("  reply       "));
        assert_eq!(shown, Some(lines[lines.len() - 2]), "{sent}");
    }

    #[test]
    fn every_format_of_a_reply_fits_into_an_outbox() {
        let line = format!("{}\n", "\u{7f}\u{1} \" \u{e0001} ".repeat(700));
        for format in [ReplyFormat::Trace, ReplyFormat::Json, ReplyFormat::Steps] {
            let sent = output("--seed 1", format, &line.repeat(3));
            let last = sent.lines().last().expect("a farewell");
            assert!(
                sent.contains("oodbye") || last.contains("farewell"),
                "{sent}"
            );
        }
    }
}
