//! What the runners share: servers to be started, taking turns, and the table of medians.
//!
//! A runner says what one measurement of one server is, and [`compare`] does the rest.

mod contender;
mod contenders;
mod crowd;
mod memory;
mod numbers;
mod quantile;
mod sentences;
mod trip;
mod turns;
mod window;

pub use contender::{Contender, Server};
pub use contenders::{in_a_chat, in_rooms, over_tcp, over_udp, through_a_pipe, with_a_file};
pub use crowd::Crowd;
pub use memory::{memory, peak_memory};
pub use numbers::numbers;
pub use quantile::quantile;
pub use sentences::sentences;
pub use trip::trip;
pub use turns::{Column, compare, take_turns};
pub use window::Window;
