//! The services.

mod chat;
mod chat_faults;
mod connect_four;
mod display;
mod examples;
mod exec;
mod exec_exit;
mod exec_udp;
mod forward;
mod forward_large;
mod forward_udp;
mod http;
mod line_ends;
mod receive_file;
mod send_file;
mod simple;
mod transcripts;
