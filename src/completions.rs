//! `completions`: a completion script for a shell.

use std::io::{self, Write};

use clap_complete::{Shell, generate};
use switchboard_services::Services;

use crate::args;
use crate::error::Failure;

/// Prints the script for `shell`.
pub(crate) fn print(services: &Services, shell: Shell) -> Result<(), Failure> {
    let mut command = args::command(services);
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    if shell == Shell::Fish {
        script.extend_from_slice(FISH_SHELLS);
    }
    io::stdout().write_all(&script).map_err(Failure::Output)
}

/// The values of `completions SHELL`: clap_complete completes only options for fish.
const FISH_SHELLS: &[u8] =
    b"complete -c switchboard -n \"__fish_switchboard_using_subcommand completions\" -f -a \"bash zsh fish\"\n";
