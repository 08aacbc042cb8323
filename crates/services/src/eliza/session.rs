//! The session of one peer: a conversation, and commands.

use std::mem;
use std::sync::Arc;

use switchboard_core::{Flow, Outbox, Result, Sanitized, Session, without_zero_width};
use switchboard_eliza::{Conversation, Reply};

use crate::eliza::command::Command;
use crate::eliza::reply_format::{self, ReplyFormat, StepLines};
use crate::eliza::scripts::Scripts;

/// What the sessions of a service have in common.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) scripts: Arc<Scripts>,
    pub(super) seed: Option<u64>,
    pub(super) commands: bool,
    pub(super) format: ReplyFormat,
}

pub(super) struct ElizaSession {
    settings: Settings,
    current: usize, // the index of the current script
    conversation: Conversation,
    last_trace: Option<String>, // truncated, for the command `*why`
    steps: Option<StepLines>,   // of the last reply, not sent yet
    is_over: bool,              // closes once the steps are sent
}

impl ElizaSession {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            current: 0,
            conversation: settings.begin(0),
            settings,
            last_trace: None,
            steps: None,
            is_over: false,
        }
    }

    fn send(&self, text: &str, source: &str, out: &mut Outbox) {
        out.send(self.settings.format.message(text, source).as_bytes());
    }

    /// Sends the greeting. Returns `false` if the script has none.
    fn greet(&mut self, out: &mut Outbox) -> bool {
        let greeting = self.conversation.greet();
        if let Some(text) = &greeting {
            self.send(text, "greeting", out);
        }
        greeting.is_some()
    }

    fn reply(&mut self, line: &str, out: &mut Outbox) -> Reply {
        let Settings {
            commands, format, ..
        } = self.settings;
        if format == ReplyFormat::Plain && !commands {
            let reply = self.conversation.reply(line);
            out.send(reply.text.as_bytes());
            return reply;
        }
        if format == ReplyFormat::Steps {
            let script_format = self.settings.scripts.script(self.current).format();
            let (reply, steps) = StepLines::reply(&mut self.conversation, line, script_format);
            self.steps = Some(steps);
            return reply;
        }
        let (reply, trace) = self.conversation.reply_traced(line);
        self.last_trace = commands.then(|| reply_format::stored(&trace));
        out.send(reply_format::with_trace(format, trace).as_bytes());
        reply
    }

    fn execute(&mut self, command: Command<'_>, out: &mut Outbox) {
        let scripts = &self.settings.scripts;
        let answer = match command {
            Command::Why => match &self.last_trace {
                Some(trace) => trace.clone(),
                None => "Nothing was answered yet.".to_owned(),
            },
            Command::Reset => return self.restart(self.current, out),
            Command::Script(name) => {
                let subject = match scripts.position(name) {
                    Some(index) => return self.restart(index, out),
                    None if name.is_empty() => format!("This is {}", scripts.name(self.current)),
                    None => "No such script".to_owned(),
                };
                format!("{subject}; there are: {}", scripts.names())
            }
            Command::Help => HELP.to_owned(),
            Command::Unknown(name) => {
                let name: String = name.chars().take(MAX_SHOWN_CHARACTERS).collect();
                let name = Sanitized(name.as_bytes());
                format!("There is no command *{name}; *help lists the commands.")
            }
        };
        self.send(&answer, "command", out);
    }

    /// Starts a new conversation with the script of this index.
    fn restart(&mut self, index: usize, out: &mut Outbox) {
        self.current = index;
        self.last_trace = None;
        self.conversation = self.settings.begin(index);
        if !self.greet(out) {
            // Without a greeting the peer would not see that the command succeeded.
            let name = self.settings.scripts.name(index);
            self.send(&format!("This is {name}."), "command", out);
        }
    }

    /// Sends further lines of the steps, while the outbox has room.
    fn send_steps(&mut self, out: &mut Outbox) -> Flow {
        while let Some(line) = self.steps.as_mut().and_then(StepLines::next) {
            out.send(line.as_bytes());
            if out.is_full() {
                return Flow::WhenWritable;
            }
        }
        self.steps = None;
        if mem::take(&mut self.is_over) {
            Flow::Close
        } else {
            Flow::Continue
        }
    }
}

impl Settings {
    /// A conversation with the script of this index.
    fn begin(&self, index: usize) -> Conversation {
        let seed = self.seed.unwrap_or_else(rand::random);
        Conversation::new(self.scripts.script(index), seed)
    }
}

impl Session for ElizaSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        self.greet(out);
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let line = without_zero_width(line);
        let line = String::from_utf8_lossy(&line);
        match Command::parse(&line).filter(|_| self.settings.commands) {
            Some(command) => self.execute(command, out),
            None => self.is_over = self.reply(&line, out).last,
        }
        Ok(self.send_steps(out))
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        Ok(self.send_steps(out))
    }

    /// Sends a farewell, at the end of input as well as when the server stops.
    fn on_eof(&mut self, out: &mut Outbox) -> Result {
        if let Some(text) = self.conversation.farewell() {
            self.send(&text, "farewell", out);
        }
        Ok(Flow::Close)
    }
}

const MAX_SHOWN_CHARACTERS: usize = 20; // of an unknown command
const HELP: &str = "\
*why          explain the last reply
*reset        start again
*script       list the scripts; *script NAME starts again with another
*help         list the commands";
