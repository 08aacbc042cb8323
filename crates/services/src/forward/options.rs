//! The options of the service.

use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Which clients receive
    #[arg(long, value_enum, default_value_t)]
    pub(super) to: To,

    /// Fix the role of the clients of the first --listen; repeat it for the next one, and so on
    /// [default: by the order in which clients connect]
    #[arg(long, value_enum)]
    pub(super) role: Vec<Role>,

    /// Do not send the byte with the role to clients
    #[arg(long)]
    pub(super) no_role: bool,

    /// What happens to the sender when the last receiver has left
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub(super) on_leave: OnLeave,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum To {
    /// From the first client to the second; later ones are refused
    #[default]
    Second,
    /// From the first client to all others
    All,
    /// From every client to all others; there are no roles
    Others,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// The clients send
    Send,
    /// The clients receive
    Receive,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum OnLeave {
    /// It is notified, and its input waits for the next receiver
    #[default]
    Notify,
    /// Its connection is closed
    Close,
}
