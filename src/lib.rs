//! The program `switchboard` as a library, with the API for services from [`switchboard_core`].
//!
//! [`run`] makes a program from one [`Service`], with every model, listener, limit and command of
//! `switchboard` itself:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use switchboard::{Flow, Outbox, service_fn};
//!
//! fn main() -> ExitCode {
//!     switchboard::run("backwards", "Reverses lines", || service_fn(|line: &[u8], out: &mut Outbox| {
//!         out.send(&line.iter().rev().copied().collect::<Vec<u8>>());
//!         Ok(Flow::Continue)
//!     }))
//! }
//! ```

mod args;
mod completions;
mod connect;
mod error;
mod family;
mod json;
mod log;
mod man;
mod nonblocking;
mod script;
mod serve;
mod talk;
mod transfer;

use std::env;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

pub use switchboard_core::*;
pub use switchboard_services::{InvalidOptions, Services};

use crate::args::Command;
use crate::error::Failure;

/// Runs the program with the services that come with it.
pub fn main() -> ExitCode {
    start(&switchboard_services::all(), args::OWN_NAME)
}

/// Runs the program with one more service: its name, a one-line description, and how to make it.
/// `PROGRAM serve NAME` serves it.
pub fn run<S: Service + 'static>(
    name: &'static str,
    about: &'static str,
    make: impl Fn() -> S + 'static,
) -> ExitCode {
    main_with(|services| services.add(name, about, make))
}

/// Runs the program with the services that come with it and those that `add` adds. It can also
/// [set the version](Services::set_version) that `--version` prints.
pub fn main_with(add: impl FnOnce(&mut Services)) -> ExitCode {
    let mut services = switchboard_services::all();
    add(&mut services);
    let program = env::args_os().next().unwrap_or_default();
    let name = Path::new(&program).file_name();
    let name = name.unwrap_or_else(|| OsStr::new(args::OWN_NAME));
    start(&services, name.to_string_lossy().into_owned().leak()) // once in a process
}

fn start(services: &Services, program: &'static str) -> ExitCode {
    let (cli, matches) = match args::parse(services, program, env::args_os()) {
        Ok(parsed) => parsed,
        Err(usage) => {
            usage.print().ok(); // the reader of the help may have closed the pipe
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    log::init(cli.verbose, cli.quiet);
    let done = match (cli.command, matches.subcommand()) {
        (Command::Serve, Some((_, matches))) => serve::run(services, matches, cli.quiet),
        (Command::Talk(options), _) => talk::run(options),
        (Command::Connect(options), _) => connect::run(&options, cli.verbose, cli.quiet),
        (Command::Script(command), _) => script::run(&command, cli.quiet),
        (Command::Get(options), _) => transfer::get(&options, cli.verbose, cli.quiet),
        (Command::Put(options), _) => transfer::put(&options, cli.verbose, cli.quiet),
        (Command::List(options), _) => transfer::list(&options, cli.verbose, cli.quiet),
        (Command::Services(options), _) => list(services, options.json),
        (Command::Completions { shell }, _) => completions::print(services, program, shell),
        (Command::Man { directory }, _) => man::write(services, program, &directory, cli.quiet),
        (Command::Serve, None) => unreachable!("the command line requires a service"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(Failure::Reported(code)) => ExitCode::from(code),
        Err(failure) => {
            log::print_error(&failure.to_string());
            if let Some(hint) = failure.hint().filter(|_| !cli.quiet) {
                log::print_hint(&hint);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn list(services: &Services, json: bool) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct JsonService<'a> {
        name: &'a str,
        about: &'a str,
    }
    let mut out = io::stdout().lock();
    let widths = services.names().map(|(name, _)| name.len());
    let width = widths.max().unwrap_or(0);
    for (name, about) in services.names() {
        let line = if json {
            json::line(&JsonService {
                name,
                about: &about,
            })
        } else {
            format!("{name:width$}  {about}")
        };
        writeln!(out, "{line}").map_err(Failure::Output)?;
    }
    Ok(())
}
