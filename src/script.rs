//! `script`: checking scripts, talking by one, and those that are built in.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use switchboard_core::Sanitized;
use switchboard_eliza::{Problem, Script};
use switchboard_services::{Eliza, NoScript, Telling, find_script, read_script};

use crate::error::Failure;
use crate::talk::{self, TraceOptions};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Tell all that is wrong with scripts, and what is surely not meant in them
    #[command(after_help = CHECK_HELP)]
    Check(CheckOptions),
    /// Talk by a script, here in the terminal or from a pipe
    #[command(after_help = RUN_HELP)]
    Run(RunOptions),
    /// List the scripts that are built in
    List,
}

#[derive(Args)]
pub(crate) struct CheckOptions {
    /// Files, names of built-in scripts, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Fail also if there are warnings only
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Args)]
pub(crate) struct RunOptions {
    /// A file, or the name of a built-in script
    #[arg(value_name = "FILE")]
    script: PathBuf,

    #[command(flatten)]
    trace: TraceOptions,

    /// Print the words and the keyword of each step, so that a computation can be watched
    #[arg(long, conflicts_with = "trace")]
    steps: bool,

    /// The chance of the talk, for scripts that have any [default: another each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(crate) fn run(command: Command, _quiet: bool) -> Result<(), Failure> {
    match command {
        Command::Check(options) => check(&options),
        Command::Run(options) => converse(&options),
        Command::List => list(),
    }
}

fn converse(options: &RunOptions) -> Result<(), Failure> {
    let script = find_script(&options.script);
    let script = script.map_err(|error| Failure::Script(error.to_string()))?;
    let telling = if options.steps {
        Telling::Steps
    } else {
        options.trace.telling()
    };
    talk::with(Eliza::new(script, options.seed), telling)
}

/// Prints what is found, script by script, and fails if one of them cannot be used.
fn check(options: &CheckOptions) -> Result<(), Failure> {
    let (mut unusable, mut warnings) = (0, 0);
    let mut out = io::stdout().lock();
    for file in &options.files {
        let name = match file.to_str() {
            Some("-") => "<stdin>".into(),
            _ => file.display().to_string(),
        };
        match open(file, &name) {
            Ok(script) => {
                let found = script.lint();
                warnings += found.len();
                report(&mut out, &name, &script, &found)
            }
            Err(error) => {
                unusable += 1;
                say(&mut out, &error.to_string())
            }
        }
        .map_err(Failure::Output)?;
    }
    if 0 < unusable {
        let total = options.files.len();
        return Err(Failure::UnusableScripts { unusable, total });
    }
    if options.deny_warnings && 0 < warnings {
        return Err(Failure::Warnings);
    }
    Ok(())
}

fn open(file: &Path, name: &str) -> Result<Script, NoScript> {
    if file.as_os_str() == "-" {
        read_script(name, io::stdin().lock())
    } else {
        find_script(file)
    }
}

fn report(out: &mut impl Write, name: &str, script: &Script, found: &[Problem]) -> io::Result<()> {
    for Problem { line, column, what } in found {
        say(out, &format!("{name}:{line}:{column}: warning: {what}"))?;
    }
    let fine = match found.len() {
        0 => "fine".to_owned(),
        number => counted(number, "warning"),
    };
    let (format, rules) = (script.format(), counted(script.rules(), "rule"));
    say(out, &format!("{name}: {format}, {rules}, {fine}"))
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Prints lines that may quote a file.
fn say(out: &mut impl Write, lines: &str) -> io::Result<()> {
    lines
        .lines()
        .try_for_each(|line| writeln!(out, "{}", Sanitized(line.as_bytes())))
}

fn list() -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for name in Script::NAMES {
        let script = Script::named(name).expect("it is one of the names");
        let script = script.map_err(|error| Failure::Script(error.to_string()))?;
        let (format, rules) = (script.format().to_string(), counted(script.rules(), "rule"));
        let about = about(name);
        writeln!(out, "{name:10} {format:8} {rules:>10}  {about}").map_err(Failure::Output)?;
    }
    Ok(())
}

/// What a built-in script is like.
fn about(name: &str) -> &'static str {
    match name {
        "friend" => "your virtual friend, in English",
        "ami" => "your virtual friend, in French",
        "turing" => "three machines; see `script run turing --steps`",
        _ => "",
    }
}

pub(crate) const HELP: &str = "\
Examples:
  switchboard script list                        the scripts that are built in
  switchboard script check doctor.script         all that is wrong with it
  switchboard script run doctor.script           a talk by it
  switchboard script run doctor.script --trace   how each reply came about
  switchboard serve eliza --script doctor.script

A script is TOML with regular expressions (data/eliza/friend.toml is one, explained at its top),
Weizenbaum's lists of 1966, or the lines of Hayden's version; its text tells which.";

const CHECK_HELP: &str = "\
Examples:
  switchboard script check doctor.script              FILE:LINE:COLUMN: what is wrong
  switchboard script check --deny-warnings *.script   fails for less
  make-a-script | switchboard script check -

Exit codes: 0 usable, 1 not (or warned of, with --deny-warnings), 2 wrong usage.";

const RUN_HELP: &str = "\
Examples:
  switchboard script run friend                  as `switchboard talk` does
  switchboard script run doctor.script --trace   how each reply came about
  switchboard script run turing --steps          WORDS :KEYWORD of each step
  switchboard script run doctor.script --trace=json < said | jq .source";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_built_in_script_has_a_line() {
        for name in Script::NAMES {
            assert!(!about(name).is_empty(), "{name}");
        }
    }
}
