//! The client in a terminal.
