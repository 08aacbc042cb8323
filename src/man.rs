//! `man`: manual pages, made from the command line itself.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use switchboard_core::Sanitized;
use switchboard_services::Services;

use crate::args;
use crate::error::Failure;

/// Writes a page for each command and service into `directory`, and lists the files on standard
/// output unless `quiet`.
pub(crate) fn write(services: &Services, directory: &Path, quiet: bool) -> Result<(), Failure> {
    let failed = |path: &Path, error: io::Error| Failure::WriteFile(path.to_owned(), error);
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let mut command = args::command(services).disable_help_subcommand(true);
    command.build();
    let name = command.get_name().to_owned();
    for (name, command) in pages(name, &command) {
        let path = directory.join(format!("{name}.1"));
        let mut page = Vec::new();
        let man = Man::new(command.clone().display_name(&name)).title(name.to_uppercase());
        man.render(&mut page)
            .map_err(|error| failed(&path, error))?;
        fs::write(&path, page).map_err(|error| failed(&path, error))?;
        if !quiet {
            let shown = Sanitized(path.as_os_str().as_encoded_bytes()).to_string();
            writeln!(io::stdout(), "{shown}").map_err(Failure::Output)?;
        }
    }
    Ok(())
}

/// A command and everything below it, each with the name of its page.
fn pages(name: String, command: &Command) -> Vec<(String, &Command)> {
    let below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    let below = below.flat_map(|below| pages(format!("{name}-{}", below.get_name()), below));
    let below: Vec<_> = below.collect();
    [(name, command)].into_iter().chain(below).collect()
}
