//! Your virtual friend, as a service.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use switchboard_core::{Error, Flow, Outbox, Peer, Refusal, Service, Session};
use switchboard_eliza::{Conversation, Script};

/// ELIZA: opens by asking how one feels, answers each line, and ends on a farewell.
pub struct Eliza {
    script: Script,
    seed: Option<u64>,
}

/// Which friend, and how predictable.
#[derive(Args)]
pub struct Options {
    /// Speak by this script instead of the built-in one
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// Give every conversation the same chance, so that the same words get the same answers
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Eliza {
    /// A friend who speaks by this script, with chances of its own in every conversation, or with
    /// the same from this seed.
    #[must_use]
    pub fn new(script: Script, seed: Option<u64>) -> Self {
        Self { script, seed }
    }

    /// The friend that was asked for, with the script read if one is named.
    ///
    /// # Errors
    ///
    /// Says which file, which line of it, and why it cannot be used.
    pub fn from_options(options: Options) -> Result<Self, String> {
        let script = match options.script {
            None => Script::friend(),
            Some(path) => read(&path)?,
        };
        Ok(Self::new(script, options.seed))
    }
}

fn read(path: &Path) -> Result<Script, String> {
    let name = path.display();
    // A file need not have an end; one byte too many is enough to refuse it.
    let most = Script::MOST_BYTES as u64 + 1;
    let mut script = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut script))
        .map_err(|error| format!("{name}: {error}"))?;
    Script::load(&script).map_err(|error| {
        let problems = error.problems().iter();
        let lines: Vec<_> = problems
            .map(|problem| format!("{name}:{problem}"))
            .collect();
        lines.join("\n")
    })
}

impl Service for Eliza {
    fn session(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        let seed = self.seed.unwrap_or_else(rand::random);
        Ok(Box::new(Friend(Conversation::new(&self.script, seed))))
    }
}

struct Friend(Conversation);

impl Session for Friend {
    fn open(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
        if let Some(words) = self.0.greet() {
            out.send(words.as_bytes());
        }
        Ok(Flow::Continue)
    }

    fn receive(&mut self, line: &[u8], out: &mut Outbox) -> Result<Flow, Error> {
        let reply = self.0.reply(&String::from_utf8_lossy(line));
        out.send(reply.text.as_bytes());
        Ok(if reply.last {
            Flow::Close
        } else {
            Flow::Continue
        })
    }

    /// The peer hung up without a word, or the server stops: a friend says goodbye all the same.
    fn finish(&mut self, out: &mut Outbox) -> Result<Flow, Error> {
        if let Some(words) = self.0.farewell() {
            out.send(words.as_bytes());
        }
        Ok(Flow::Close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::{every_chunking, first_words};

    fn friend(seed: u64) -> Eliza {
        Eliza::new(Script::friend(), Some(seed))
    }

    /// What the engine says, by lines, when nothing is between.
    fn said(seed: u64, lines: &[&str], end: &str) -> String {
        let mut friend = Conversation::new(&Script::friend(), seed);
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
        let friend = Eliza::new(Script::friend(), None);
        let heard: Vec<_> = (0..40).map(|_| first_words(&friend)).collect();
        assert!(
            heard.iter().any(|words| *words != heard[0]),
            "chance is drawn for each"
        );
    }
}
