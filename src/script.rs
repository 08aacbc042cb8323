//! `script`: checks, runs and lists scripts of the friend.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use switchboard_core::Sanitized;
use switchboard_eliza::{Problem, Script};
use switchboard_files::counted;
use switchboard_services::units::count;
use switchboard_services::{Eliza, LoadScriptError, ReplyFormat, find_script, read_script};

use crate::error::Failure;
use crate::json::{self, JsonOption};
use crate::talk::{self, FormatOptions};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Report the errors in scripts, and warnings about likely mistakes
    #[command(after_help = CHECK_HELP)]
    Check(CheckOptions),
    /// Talk with a script, in this terminal or through a pipe
    #[command(after_help = RUN_HELP)]
    Run(RunOptions),
    /// List the built-in scripts
    List(JsonOption),
}

#[derive(Args)]
pub(crate) struct CheckOptions {
    /// Files, names of built-in scripts, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Treat warnings as errors
    #[arg(long)]
    deny_warnings: bool,

    #[command(flatten)]
    json: JsonOption,
}

#[derive(Args)]
pub(crate) struct RunOptions {
    /// A file, or the name of a built-in script
    #[arg(value_name = "FILE")]
    script: PathBuf,

    #[command(flatten)]
    format: FormatOptions,

    /// Before each reply, print the words and the keyword of each step, to watch a computation
    /// (not with --trace or --json)
    #[arg(long, conflicts_with_all = ["trace", "json"])]
    steps: bool,

    /// Seed the random choices of the script, to get the same replies again
    #[arg(long, value_name = "N", value_parser = count(0..=u64::MAX))]
    seed: Option<u64>,
}

pub(crate) fn run(command: &Command, quiet: bool) -> Result<(), Failure> {
    match command {
        Command::Check(options) => check(options, quiet),
        Command::Run(options) => converse(options),
        Command::List(options) => list(options.json),
    }
}

fn converse(options: &RunOptions) -> Result<(), Failure> {
    let script = find_script(&options.script);
    let script = script.map_err(|error| Failure::Script(error.to_string()))?;
    let format = if options.steps {
        ReplyFormat::Steps
    } else {
        options.format.format()
    };
    talk::converse(Eliza::new(script, options.seed), format)
}

/// An error or warning about a script, as JSON.
#[derive(Serialize)]
struct JsonProblem<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_base64: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    severity: &'static str,
    message: &'a str,
}

/// The result of the check of a script, as JSON.
#[derive(Serialize)]
struct JsonCheck<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_base64: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<usize>,
    problems: usize,
}

/// Prints the problems of each script, and fails if one of them has errors.
fn check(options: &CheckOptions, quiet: bool) -> Result<(), Failure> {
    let (mut invalid, mut warnings) = (0, 0);
    let mut out = io::stdout().lock();
    let mut print = |lines: &str| print_lines(&mut out, lines).map_err(Failure::Output);
    for file in &options.files {
        let name = match file.to_str() {
            Some("-") => "<stdin>".into(),
            _ => file.display().to_string(),
        };
        let base64 = json::base64_unless_text(file.as_os_str().as_encoded_bytes());
        let file_base64 = base64.as_deref();
        let json = |problem: &Problem, severity| {
            json::line(&JsonProblem {
                file: &name,
                file_base64,
                line: Some(problem.line),
                column: Some(problem.column),
                severity,
                message: &problem.what,
            })
        };
        match load(file, &name) {
            Ok(script) => {
                let problems = script.lint();
                warnings += problems.len();
                for problem in &problems {
                    print(&if options.json.json {
                        json(problem, "warning")
                    } else {
                        let Problem { line, column, what } = problem;
                        format!("{name}:{line}:{column}: warning: {what}")
                    })?;
                }
                if options.json.json {
                    print(&json::line(&JsonCheck {
                        file: &name,
                        file_base64,
                        format: Some(script.format().to_string()),
                        rules: Some(script.rules()),
                        problems: problems.len(),
                    }))?;
                } else if !quiet {
                    print(&summary(&name, &script, problems.len()))?;
                }
            }
            Err(error) => {
                invalid += 1;
                let text = error.to_string();
                if !options.json.json {
                    print(&text)?;
                    continue;
                }
                match error.problems() {
                    [] => print(&json::line(&JsonProblem {
                        file: &name,
                        file_base64,
                        line: None,
                        column: None,
                        severity: "error",
                        message: text.strip_prefix(&format!("{name}: ")).unwrap_or(&text),
                    }))?,
                    problems => problems
                        .iter()
                        .try_for_each(|problem| print(&json(problem, "error")))?,
                }
                print(&json::line(&JsonCheck {
                    file: &name,
                    file_base64,
                    format: None,
                    rules: None,
                    problems: error.problems().len().max(1), // that it cannot be read is one
                }))?;
            }
        }
    }
    if 0 < invalid {
        let total = options.files.len();
        return Err(Failure::InvalidScripts { invalid, total });
    }
    if options.deny_warnings && 0 < warnings {
        return Err(Failure::Warnings);
    }
    Ok(())
}

fn load(file: &Path, name: &str) -> Result<Script, LoadScriptError> {
    if file.as_os_str() == "-" {
        read_script(name, io::stdin().lock())
    } else {
        find_script(file)
    }
}

fn summary(name: &str, script: &Script, warnings: usize) -> String {
    let (format, rules) = (script.format(), counted(script.rules() as u64, "rule"));
    let verdict = match warnings {
        0 => "no problems".to_owned(),
        warnings => counted(warnings as u64, "warning"),
    };
    format!("{name}: {format}, {rules}, {verdict}")
}

/// Prints lines that may quote a file.
fn print_lines(out: &mut impl Write, lines: &str) -> io::Result<()> {
    lines
        .lines()
        .try_for_each(|line| writeln!(out, "{}", Sanitized(line.as_bytes())))
}

/// A built-in script, as JSON.
#[derive(Serialize)]
struct JsonScript<'a> {
    name: &'a str,
    format: String,
    rules: usize,
    about: &'a str,
}

fn list(json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for name in Script::NAMES {
        let script = Script::named(name).expect("it is one of the names");
        let script = script.map_err(|error| Failure::Script(error.to_string()))?;
        let (format, rules, about) = (script.format().to_string(), script.rules(), about(name));
        let line = if json {
            json::line(&JsonScript {
                name,
                format,
                rules,
                about,
            })
        } else {
            let rules = counted(rules as u64, "rule");
            format!("{name:10} {format:8} {rules:>10}  {about}")
        };
        writeln!(out, "{line}").map_err(Failure::Output)?;
    }
    Ok(())
}

/// The description of a built-in script.
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
  switchboard script list                        the built-in scripts
  switchboard script check doctor.script         errors and warnings, with their positions
  switchboard script run doctor.script           talk with it
  switchboard script run doctor.script --trace   show how each reply was made
  switchboard serve eliza --script doctor.script

A script is TOML with regular expressions (data/eliza/friend.toml is one, with an explanation at
the top), Weizenbaum's lists of 1966, or lines as in Hayden's version. The format is detected.";

const CHECK_HELP: &str = "\
Examples:
  switchboard script check doctor.script              FILE:LINE:COLUMN: MESSAGE
  switchboard script check --deny-warnings *.script   fail on warnings, too
  make-a-script | switchboard script check -
  switchboard script check doctor.script --json | jq 'select(.severity == \"error\")'

With --json, each problem is an object with file, line, column, severity and message; line and
column are missing if the file cannot be read. After its problems, each script is an object with
file, format, rules and problems (how many); format and rules are missing if it cannot be used. A
FILE that is not UTF-8 has its bytes as file_base64, too.

Exit codes: 0 no errors, 1 errors (or warnings, with --deny-warnings), 2 wrong usage.";

const RUN_HELP: &str = "\
Examples:
  switchboard script run friend                  the same as `switchboard talk`
  switchboard script run doctor.script --trace   show how each reply was made
  switchboard script run turing --steps          WORDS :KEYWORD of each step
  switchboard script run doctor.script --json < input.txt | jq .source";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_script_has_a_description() {
        for name in Script::NAMES {
            assert!(!about(name).is_empty(), "{name}");
        }
    }
}
