//! The built program, through the front door: real processes, real sockets, real peers.

mod crowd;
mod exec;
mod exec_ends;
mod faults;
mod friend;
mod harness;
mod inherited;
mod limits;
mod listen;
mod own;
mod peers;
mod places;
mod program;
mod rate;
mod running;
mod small;
mod started;
mod state;
mod stdio;
mod stop;
mod surroundings;
mod tidy;
mod transcripts;
mod udp;
mod udp_exec;
