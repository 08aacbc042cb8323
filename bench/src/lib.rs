//! What the benchmarks share: contenders to start, rounds, and the table of medians.
//!
//! A benchmark defines one measurement of one server; [`compare`] does the rest.

mod args;
mod contender;
mod contenders;
mod memory;
mod quantile;
mod readers;
mod round_trip;
mod rounds;
mod sentences;
mod window;

pub use args::numbers;
pub use contender::{Contender, Server};
pub use contenders::{
    busy_files, busy_friends, chat_servers, fan_out_servers, file_servers, pipe_programs,
    tcp_echo_servers, udp_echo_servers,
};
pub use memory::{memory, peak_memory};
pub use quantile::quantile;
pub use readers::Readers;
pub use round_trip::round_trip;
pub use rounds::{Column, compare, run_rounds};
pub use sentences::sentences;
pub use window::Window;
