//! The command line.

mod command_line;
mod script;
mod talk;
