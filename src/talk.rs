//! `talk`: a conversation with the friend, in this terminal or through a pipe.

use std::io::{self, IsTerminal, Read, Write};

use clap::Args;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use switchboard_core::testing::Connection;
use switchboard_core::{CloseReason, Limits, Peer};
use switchboard_services::{Eliza, ElizaOptions, ReplyFormat};

use crate::error::Failure;

#[derive(Args)]
pub(crate) struct TalkOptions {
    #[command(flatten)]
    eliza: ElizaOptions,

    #[command(flatten)]
    format: FormatOptions,
}

/// How replies are printed.
#[derive(Args)]
pub(crate) struct FormatOptions {
    /// Before each reply, print how it was made (not with --json)
    #[arg(long)]
    trace: bool,

    /// Print the results as JSON, one object per line: each reply, and how it was made
    #[arg(long, conflicts_with = "trace")]
    json: bool,
}

impl FormatOptions {
    pub(crate) fn format(&self) -> ReplyFormat {
        match (self.trace, self.json) {
            (true, _) => ReplyFormat::Trace,
            (_, true) => ReplyFormat::Json,
            (false, false) => ReplyFormat::Plain,
        }
    }
}

pub(crate) fn run(options: TalkOptions) -> Result<(), Failure> {
    let friend = Eliza::from_options(options.eliza).map_err(Failure::Script)?;
    converse(friend, options.format.format())
}

/// Converses with a friend until either side ends it.
pub(crate) fn converse(friend: Eliza, format: ReplyFormat) -> Result<(), Failure> {
    let friend = friend.format(format);
    let mut conversation = Conversation {
        connection: Connection::open(&friend, &Peer::stdio(), &Limits::default()),
        format,
    };
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        conversation.run_in_terminal()?;
    } else {
        conversation.run_in_pipe()?;
    }
    match conversation.connection.into_close_reason() {
        reason if reason.is_failure() => Err(Failure::Conversation(reason)),
        _ => Ok(()),
    }
}

struct Conversation {
    connection: Connection,
    format: ReplyFormat,
}

impl Conversation {
    /// Reads lines with an editor. Ctrl-D and Ctrl-C end the input.
    fn run_in_terminal(&mut self) -> Result<(), Failure> {
        let failed = |error: ReadlineError| Failure::Input(io::Error::other(error));
        let mut editor =
            Editor::<(), _>::with_history(Config::default(), MemHistory::new()).map_err(failed)?;
        self.print()?;
        while !self.connection.is_done() {
            match editor.readline("> ") {
                Ok(line) => {
                    editor.add_history_entry(&line).map_err(failed)?;
                    self.connection.receive(line.as_bytes());
                    self.connection.receive(b"\n");
                }
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => self.connection.end_input(),
                Err(error) => return Err(failed(error)),
            }
            self.print()?;
        }
        Ok(())
    }

    /// Reads blocks of input, and prints the replies to each before it reads the next.
    fn run_in_pipe(&mut self) -> Result<(), Failure> {
        let mut input = io::stdin().lock();
        let mut buffer = vec![0; 64 * 1024];
        self.print()?;
        while !self.connection.is_done() {
            match input.read(&mut buffer) {
                Ok(0) => self.connection.end_input(),
                Ok(count) => self.connection.receive(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(Failure::Input(error)),
            }
            self.print()?;
        }
        Ok(())
    }

    /// Prints the output of the connection until it has no more.
    fn print(&mut self) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        while !self.connection.output().is_empty() {
            let (replies, refusal) = self.split_output();
            out.write_all(replies).map_err(Failure::Output)?;
            if let Some(refusal) = refusal {
                let object = self.format.message(refusal, "limit");
                writeln!(out, "{object}").map_err(Failure::Output)?;
            }
            self.connection.sent(self.connection.output().len());
        }
        out.flush().map_err(Failure::Output)
    }

    /// Splits off the last line if it must become JSON: the connection reports a too long line as plain
    /// text.
    fn split_output(&self) -> (&[u8], Option<&str>) {
        let output = self.connection.output();
        let reason = self.connection.close_reason();
        if self.format != ReplyFormat::Json || !matches!(reason, Some(CloseReason::LineTooLong)) {
            return (output, None);
        }
        let trimmed = output.trim_ascii_end();
        let last = trimmed.iter().rposition(|&byte| byte == b'\n');
        let (replies, refusal) = trimmed.split_at(last.map_or(0, |end| end + 1));
        (
            replies,
            str::from_utf8(refusal).ok().filter(|text| !text.is_empty()),
        )
    }
}
