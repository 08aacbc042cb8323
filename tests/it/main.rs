//! The built program, through the front door: real processes, real sockets, real peers.

mod exec;
mod exec_ends;
mod faults;
mod friend;
mod harness;
mod limits;
mod listen;
mod own;
mod program;
mod running;
mod small;
mod stop;
mod surroundings;
mod tidy;
mod transcripts;
mod udp;
