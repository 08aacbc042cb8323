//! The friend and the other scripts, through every kind of connection.

pub(crate) mod commands;
pub(crate) mod friend;
pub(crate) mod published;
