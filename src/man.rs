//! `man`: manual pages, generated from the command line.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use switchboard_core::Sanitized;
use switchboard_services::Services;

use crate::args;
use crate::error::Failure;

/// Writes a page for each command and service into `directory`, and prints the paths of the files
/// unless `quiet`.
pub(crate) fn write(
    services: &Services,
    program: &'static str,
    directory: &Path,
    quiet: bool,
) -> Result<(), Failure> {
    let failed = |path: &Path, error| Failure::WriteFile(path.to_owned(), error);
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let mut command = args::command(services, program).disable_help_subcommand(true);
    command.build();
    for (name, command) in pages(program.to_owned(), &command) {
        let path = directory.join(format!("{name}.1"));
        page(&name, command)
            .and_then(|page| fs::write(&path, page))
            .map_err(|error| failed(&path, error))?;
        if !quiet {
            let path = Sanitized(path.as_os_str().as_encoded_bytes()).to_string();
            writeln!(io::stdout(), "{path}").map_err(Failure::Output)?;
        }
    }
    Ok(())
}

/// A command and all its subcommands, each with the name of its page.
fn pages(name: String, command: &Command) -> Vec<(String, &Command)> {
    let visible = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let subcommands: Vec<_> = visible
        .flat_map(|sub| pages(format!("{name}-{}", sub.get_name()), sub))
        .collect();
    [(name, command)].into_iter().chain(subcommands).collect()
}

fn page(name: &str, command: &Command) -> io::Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string);
    let synopsis = synopsis(command);
    let has_subcommands = command.has_subcommands();
    let has_version = command.get_version().is_some();
    let command = command.clone().display_name(name).after_help(None::<&str>);
    let man = Man::new(command)
        .title(name.to_uppercase())
        .source(concat!("switchboard ", env!("CARGO_PKG_VERSION")))
        .manual("Switchboard manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis.to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_subcommands {
        man.render_subcommands_section(&mut page)?;
    }
    if has_version {
        man.render_version_section(&mut page)?;
    }
    notes_sections(&notes.unwrap_or_default()).to_writer(&mut page)?;
    Ok(page)
}

/// The usage line of the help, which shows repeated arguments and a required `--`. (The synopsis of
/// clap_mangen does not.) There is one more line for each alias.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([roman(usage)]);
    for alias in command.get_visible_aliases() {
        let name = format!(" {} ", command.get_name());
        roff.control("br", []);
        roff.text([roman(usage.replacen(&name, &format!(" {alias} "), 1))]);
    }
    roff
}

/// The text behind the options: examples, whose lines stay as they are, and other paragraphs.
fn notes_sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.is_empty());
    let mut current = "";
    for paragraph in paragraphs {
        let examples = paragraph.strip_prefix("Examples:\n");
        let heading = if examples.is_some() {
            "EXAMPLES"
        } else {
            "NOTES"
        };
        if heading == current {
            roff.control("PP", []);
        } else {
            roff.control("SH", [heading]);
            current = heading;
        }
        match examples {
            None => _ = roff.text([roman(paragraph)]),
            Some(lines) => {
                roff.control("nf", []);
                for line in lines.lines() {
                    roff.text([roman(line.trim_start())]);
                }
                roff.control("fi", []);
            }
        }
    }
    roff
}
