//! `talk`: the friend in this terminal, or through a pipe.

use std::io::{self, IsTerminal, Read, Write};

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use switchboard_core::{Connection, Limits, Peer};
use switchboard_services::{Eliza, ElizaOptions};

use crate::failure::Failure;

/// Talks until either says goodbye.
pub(crate) fn run(options: ElizaOptions) -> Result<(), Failure> {
    let friend = Eliza::from_options(options).map_err(Failure::Friend)?;
    let connection = Connection::open(&friend, &Peer::stdio(), &Limits::default());
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        at_terminal(connection)
    } else {
        through_pipe(connection)
    }
}

/// With a prompt, and the line edited before it is said. Ctrl-D and Ctrl-C end it with a goodbye.
fn at_terminal(mut talk: Connection) -> Result<(), Failure> {
    let unreadable = |error: ReadlineError| Failure::Input(io::Error::other(error));
    let mut editor =
        Editor::<(), _>::with_history(Config::default(), MemHistory::new()).map_err(unreadable)?;
    print(&mut talk)?;
    while !talk.is_done() {
        match editor.readline("> ") {
            Ok(line) => {
                editor.add_history_entry(&line).map_err(unreadable)?;
                talk.receive(line.as_bytes());
                talk.receive(b"\n");
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => talk.end_input(),
            Err(error) => return Err(unreadable(error)),
        }
        print(&mut talk)?;
    }
    Ok(())
}

fn through_pipe(mut talk: Connection) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; 64 * 1024];
    print(&mut talk)?;
    while !talk.is_done() {
        match input.read(&mut buffer) {
            Ok(0) => talk.end_input(),
            Ok(count) => talk.receive(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(Failure::Input(error)),
        }
        print(&mut talk)?;
    }
    Ok(())
}

/// Prints all that waits to be said; saying it makes room for more.
fn print(talk: &mut Connection) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    while !talk.output().is_empty() {
        let count = talk.output().len();
        out.write_all(talk.output()).map_err(Failure::Output)?;
        talk.sent(count);
    }
    out.flush().map_err(Failure::Output)
}
