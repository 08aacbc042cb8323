//! The full-duplex client: what is typed goes to the peer, and what arrives is printed.

mod buffer;
mod datagram;
mod duplex;
mod ending;
mod io;
mod options;
mod relay;
mod stream;

pub use duplex::{Duplex, Link};
pub use ending::{Closer, DuplexError, Ending};
pub use io::{Input, Output, Tap};
pub use options::{DuplexOptions, EofPolicy, PeerEofPolicy};
