//! Who is sent what, in words.

use clap::{Args, ValueEnum};

/// Who is sent what.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Who receives
    #[arg(long, value_enum, default_value_t)]
    pub(super) to: To,

    /// Fix the role of all who come to the first --listen, then that of the next one, and so on,
    /// rather than give roles in the order in which clients come
    #[arg(long, value_enum)]
    pub(super) role: Vec<Role>,

    /// Send nobody the byte that tells its role
    #[arg(long)]
    pub(super) no_role: bool,

    /// What becomes of who sends when the last one who received has left
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub(super) on_leave: OnLeave,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    /// What the first client sends goes to the second; others are told that the line is taken
    #[default]
    Second,
    /// What the first client sends goes to all others
    All,
    /// What anyone sends goes to everyone else; there are no roles
    Others,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// They send
    Send,
    /// They receive
    Receive,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLeave {
    /// It is told, and what it sends then waits for the next one who receives
    #[default]
    Tell,
    /// Its connection is closed
    Close,
}
