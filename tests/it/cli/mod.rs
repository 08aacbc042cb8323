//! The command line.

mod command_line;
mod completions;
mod get_put;
mod man;
mod output;
mod script;
mod talk;
