//! The friend and the other scripts, through every kind of connection.

mod commands;
mod friend;
mod published;
