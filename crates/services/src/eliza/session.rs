//! The talk with one peer: what it says goes to the friend, or is a command.

use std::mem;
use std::sync::Arc;

use switchboard_core::{Flow, Outbox, Result, Session};
use switchboard_eliza::{Conversation, Reply};

use crate::eliza::command::Command;
use crate::eliza::scripts::Scripts;
use crate::eliza::telling::{self, COMMAND, FAREWELL, GREETING, Telling, Watched};

/// One peer's talk.
pub(super) struct Guest {
    scripts: Arc<Scripts>,
    spoken: usize, // the place of its script
    seed: Option<u64>,
    telling: Telling,
    commands: bool,
    talk: Conversation,
    why: Option<String>,      // the trace of the last reply, in short
    watched: Option<Watched>, // what is yet to be told of it
    last: bool,
}

impl Guest {
    pub(super) fn new(
        scripts: Arc<Scripts>,
        seed: Option<u64>,
        telling: Telling,
        commands: bool,
    ) -> Self {
        let talk = begin(&scripts, 0, seed);
        Self {
            scripts,
            spoken: 0,
            seed,
            telling,
            commands,
            talk,
            why: None,
            watched: None,
            last: false,
        }
    }

    fn greet(&mut self, out: &mut Outbox) -> bool {
        let greeting = self.talk.greet();
        if let Some(words) = &greeting {
            out.send(self.telling.words(words, GREETING).as_bytes());
        }
        greeting.is_some()
    }

    fn reply(&mut self, line: &str, out: &mut Outbox) -> Reply {
        if self.telling == Telling::Replies && !self.commands {
            let reply = self.talk.reply(line);
            out.send(reply.text.as_bytes());
            return reply;
        }
        if self.telling == Telling::Steps {
            let format = self.scripts.script(self.spoken).format();
            let (reply, watched) = Watched::say(&mut self.talk, line, format);
            self.watched = Some(watched);
            return reply;
        }
        let (reply, trace) = self.talk.reply_traced(line);
        self.why = self.commands.then(|| telling::kept(&trace));
        out.send(telling::turn(self.telling, trace).as_bytes());
        reply
    }

    fn obey(&mut self, command: Command<'_>, out: &mut Outbox) {
        let words = match command {
            Command::Why => match &self.why {
                Some(trace) => trace.clone(),
                None => "Nothing was answered yet.".to_owned(),
            },
            Command::Reset => return self.begin_anew(self.spoken, out),
            Command::Script(name) => match self.scripts.called(name) {
                Some(place) => return self.begin_anew(place, out),
                None if name.is_empty() => format!(
                    "This is {}; there are: {}",
                    self.scripts.name(self.spoken),
                    self.scripts.names()
                ),
                None => format!("No such script; there are: {}", self.scripts.names()),
            },
            Command::Help => HELP.to_owned(),
        };
        out.send(self.telling.words(&words, COMMAND).as_bytes());
    }

    fn begin_anew(&mut self, place: usize, out: &mut Outbox) {
        self.spoken = place;
        self.why = None;
        self.talk = begin(&self.scripts, place, self.seed);
        if !self.greet(out) {
            // Some scripts have no words to open with, but who asked is to see that it was done.
            let words = format!("This is {}.", self.scripts.name(place));
            out.send(self.telling.words(&words, COMMAND).as_bytes());
        }
    }

    /// Tells what is yet to be told, as far as there is room.
    fn go_on(&mut self, out: &mut Outbox) -> Flow {
        while let Some(line) = self.watched.as_mut().and_then(Watched::next) {
            out.send(line.as_bytes());
            if out.is_full() {
                return Flow::WhenWritable;
            }
        }
        self.watched = None;
        if mem::take(&mut self.last) {
            Flow::Close
        } else {
            Flow::Continue
        }
    }
}

fn begin(scripts: &Scripts, place: usize, seed: Option<u64>) -> Conversation {
    let seed = seed.unwrap_or_else(rand::random);
    Conversation::new(scripts.script(place), seed)
}

impl Session for Guest {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        self.greet(out);
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let line = String::from_utf8_lossy(line);
        match Command::of(&line).filter(|_| self.commands) {
            Some(command) => self.obey(command, out),
            None => self.last = self.reply(&line, out).last,
        }
        Ok(self.go_on(out))
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        Ok(self.go_on(out))
    }

    /// The peer hung up without a word, or the server stops: a friend says goodbye all the same.
    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        if let Some(words) = self.talk.farewell() {
            out.send(self.telling.words(&words, FAREWELL).as_bytes());
        }
        Ok(Flow::Close)
    }
}

const HELP: &str = "\
*why          how the last reply came about
*reset        begins anew
*script       tells the scripts, and *script NAME begins anew with another
*help         this";
