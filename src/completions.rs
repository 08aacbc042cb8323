//! `completions`: a completion script for a shell.

use std::io::{self, Write};

use clap_complete::{Shell, generate};
use switchboard_services::Services;

use crate::args;
use crate::error::Failure;

/// Prints the script for `shell`.
pub(crate) fn print(
    services: &Services,
    program: &'static str,
    shell: Shell,
) -> Result<(), Failure> {
    let mut command = args::command(services, program);
    let mut script = Vec::new();
    generate(shell, &mut command, program, &mut script);
    match shell {
        Shell::Fish => {
            let function = format!("__fish_{}_using_subcommand", program.replace('-', "_"));
            let condition = format!("-n \"{function} completions\"");
            let line = format!("complete -c {program} {condition} {FISH_SHELLS}\n");
            script.extend_from_slice(line.as_bytes());
        }
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
const FISH_SHELLS: &str = "-f -a \"bash zsh fish\"";
