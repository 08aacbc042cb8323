//! `talk`: the friend in this terminal, or through a pipe.

use std::io::{self, IsTerminal, Read, Write};

use clap::{Args, ValueEnum};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use switchboard_core::testing::Connection;
use switchboard_core::{CloseReason, Limits, Peer};
use switchboard_services::{Eliza, ElizaOptions, Telling};

use crate::error::Failure;

/// With whom, and what is told of it.
#[derive(Args)]
pub(crate) struct TalkOptions {
    #[command(flatten)]
    eliza: ElizaOptions,

    #[command(flatten)]
    trace: TraceOptions,
}

/// Whether replies come alone.
#[derive(Args)]
pub(crate) struct TraceOptions {
    /// Tell with each reply how it came about; as JSON, an object on each line and nothing else
    #[arg(
        long,
        value_name = "FORM",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "text"
    )]
    trace: Option<Form>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// For people to read
    Text,
    /// For programs
    Json,
}

impl TraceOptions {
    pub(crate) fn telling(&self) -> Telling {
        match self.trace {
            None => Telling::Replies,
            Some(Form::Text) => Telling::Trace,
            Some(Form::Json) => Telling::Json,
        }
    }
}

/// Talks until either says goodbye.
pub(crate) fn run(options: TalkOptions) -> Result<(), Failure> {
    let telling = options.trace.telling();
    let friend = Eliza::from_options(options.eliza).map_err(Failure::Script)?;
    with(friend, telling)
}

/// Talks with this friend.
pub(crate) fn with(friend: Eliza, telling: Telling) -> Result<(), Failure> {
    let friend = friend.telling(telling);
    let mut talk = Talk {
        connection: Connection::open(&friend, &Peer::stdio(), &Limits::default()),
        json: telling == Telling::Json,
    };
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        at_terminal(&mut talk)?;
    } else {
        through_pipe(&mut talk)?;
    }
    match talk.connection.into_close_reason() {
        ended if ended.is_failure() => Err(Failure::Conversation(ended)),
        _ => Ok(()),
    }
}

struct Talk {
    connection: Connection,
    json: bool,
}

/// With a prompt, and the line edited before it is said. Ctrl-D and Ctrl-C end it with a goodbye.
fn at_terminal(talk: &mut Talk) -> Result<(), Failure> {
    let unreadable = |error: ReadlineError| Failure::Input(io::Error::other(error));
    let mut editor =
        Editor::<(), _>::with_history(Config::default(), MemHistory::new()).map_err(unreadable)?;
    talk.print()?;
    while !talk.connection.is_done() {
        match editor.readline("> ") {
            Ok(line) => {
                editor.add_history_entry(&line).map_err(unreadable)?;
                talk.connection.receive(line.as_bytes());
                talk.connection.receive(b"\n");
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => talk.connection.end_input(),
            Err(error) => return Err(unreadable(error)),
        }
        talk.print()?;
    }
    Ok(())
}

/// Much at a time where much waits to be read; what comes alone is answered alone.
fn through_pipe(talk: &mut Talk) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; 64 * 1024];
    talk.print()?;
    while !talk.connection.is_done() {
        match input.read(&mut buffer) {
            Ok(0) => talk.connection.end_input(),
            Ok(count) => talk.connection.receive(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(Failure::Input(error)),
        }
        talk.print()?;
    }
    Ok(())
}

impl Talk {
    /// Prints all that waits to be said; saying it makes room for more.
    fn print(&mut self) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        while !self.connection.output().is_empty() {
            let (said, parting) = self.said();
            out.write_all(said)
                .and_then(|()| match parting {
                    "" => Ok(()),
                    words => writeln!(out, "{}", Telling::Json.words(words, "limit")),
                })
                .map_err(Failure::Output)?;
            self.connection.sent(self.connection.output().len());
        }
        out.flush().map_err(Failure::Output)
    }

    /// What waits to be said; and apart from it where all is to be JSON, the words of the server
    /// itself to a line too long, which are none.
    fn said(&self) -> (&[u8], &str) {
        let waiting = self.connection.output();
        if self.json
            && matches!(
                self.connection.close_reason(),
                Some(CloseReason::LineTooLong)
            )
        {
            let end = waiting.trim_ascii_end();
            let line = end
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |end| end + 1);
            let words = str::from_utf8(&end[line..]).unwrap_or_default();
            return (&waiting[..line], words);
        }
        (waiting, "")
    }
}
