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
    match shell {
        Shell::Fish => script.extend_from_slice(FISH_SHELLS),
        Shell::Bash => {
            let text = String::from_utf8_lossy(&script);
            script = text
                .replacen(BASH_WORDS, &[BASH_WORDS, BASH_VALUES].concat(), 1)
                .into();
        }
        _ => (),
    }
    io::stdout().write_all(&script).map_err(Failure::Output)
}

/// Where the generated script has read the words.
const BASH_WORDS: &str = "    prev=\"$3\"\n";

/// bash makes three words of `--model=fork`. Behind `--` no option follows, but a file may.
const BASH_VALUES: &str = "    if [[ \"$cur\" == \"=\" ]]; then
        cur=\"\"
    fi
    if [[ \"$prev\" == \"=\" ]]; then
        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"
    elif [[ \"${COMP_WORDS[COMP_CWORD]}\" == \"=\" ]]; then
        prev=\"${COMP_WORDS[COMP_CWORD-1]}\"
    fi
    if [[ \" ${COMP_WORDS[*]:0:COMP_CWORD} \" == *\" -- \"* ]]; then
        return 0
    fi
";

/// The values of `completions SHELL`: clap_complete completes only options for fish.
const FISH_SHELLS: &[u8] =
    b"complete -c switchboard -n \"__fish_switchboard_using_subcommand completions\" -f -a \"bash zsh fish\"\n";
