//! The option `--receive-buffer`, which shows how a stream is cut into reads.

use std::num::NonZeroUsize;

use clap::Args;
use switchboard_core::Framing;

use crate::units::size_in;

/// The option of a service that takes bytes as they arrive.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct ReceiveBuffer {
    /// Receive at most this many bytes at a time, each read on its own (1 to 64k)
    #[arg(long, value_name = "BYTES", value_parser = size_in::<usize>(1..=MAX_BYTES))]
    receive_buffer: Option<usize>,
}

impl ReceiveBuffer {
    /// Pieces of the given size; without one, the `default` framing of the service.
    pub(crate) fn framing_or(self, default: Framing) -> Framing {
        let bytes = self.receive_buffer.and_then(NonZeroUsize::new);
        bytes.map_or(default, Framing::Chunks)
    }
}

const MAX_BYTES: u64 = 64 * 1024; // no datagram is longer
