//! The two files of the manual that are made from the program.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use super::page::root;
use crate::support::program;

pub(super) const COMMAND_LINE: &str = "docs/src/reference/command-line.md";
pub(super) const TERMINAL: &str = "docs/terminal.svg";

/// A picture of a terminal session, from a run of the program.
pub(super) fn terminal() -> String {
    let script = root().join("docs/terminal.py");
    output(Command::new("python3").arg(script).arg(program()))
}

/// The page with the `--help` of every command.
pub(super) fn command_line() -> String {
    let mut page =
        "# Command line\n\nThis page is generated from the `--help` of every command.\n".to_owned();
    section(&mut page, &[]);
    page
}

/// Adds the section of a command, and those of its own commands.
fn section(page: &mut String, command: &[&str]) {
    let mut run = Command::new(program());
    let help = output(run.args(command).arg("--help").env_remove("COLUMNS"));
    let level = "#".repeat(2 + command.len());
    let name = [&["switchboard"], command].concat().join(" ");
    let shown = match command {
        // Every service has these as well; they are shown once, below `serve`.
        ["serve", _] => without_sections(&help, &["Server:", "Limits:"]),
        _ => help.clone(),
    };
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    let shown = shown.join("\n");
    write!(
        page,
        "\n{level} {name}\n\n```text\n{}\n```\n",
        shown.trim_end()
    )
    .expect("a string takes all");
    for name in commands(&help) {
        section(page, &[command, &[name]].concat());
    }
}

/// The names of the services.
pub(super) fn services() -> Vec<String> {
    let listed = output(Command::new(program()).arg("services"));
    let names = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<&str> {
    let mut lines = help
        .lines()
        .skip_while(|line| !matches!(*line, "Commands:" | "Services:"));
    let listed = lines.by_ref().skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

/// The text without the sections that have these headings.
fn without_sections(help: &str, headings: &[&str]) -> String {
    let mut kept = String::new();
    let mut skips = false;
    for line in help.lines() {
        if !line.is_empty() && !line.starts_with(' ') {
            skips = headings.contains(&line);
        }
        if !skips {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// Compares a generated file, or writes it if `SWITCHBOARD_WRITE_DOCS` is set.
#[track_caller]
pub(super) fn check(path: &str, content: &str) {
    let file = root().join(path);
    if std::env::var_os("SWITCHBOARD_WRITE_DOCS").is_some() {
        fs::write(&file, content).expect("the file can be written");
    }
    let current = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        current == content,
        "{path} is out of date: see CONTRIBUTING.md, Documentation"
    );
}
