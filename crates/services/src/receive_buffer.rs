//! The receive buffer: how much of what a peer sends is taken at once.

use std::num::NonZeroUsize;

use clap::Args;
use switchboard_core::Framing;

use crate::size::size;

/// The option `--receive-buffer` of a service that takes bytes as they come.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct ReceiveBuffer {
    /// Receive so many bytes at a time at most, each piece for itself (1 to 64k)
    #[arg(long, value_name = "BYTES", value_parser = pieces)]
    receive_buffer: Option<NonZeroUsize>,
}

impl ReceiveBuffer {
    /// Pieces of the size that was asked for; the service's `own` framing if none was.
    pub(crate) fn framing_or(self, own: Framing) -> Framing {
        self.receive_buffer.map_or(own, Framing::Chunks)
    }
}

fn pieces(words: &str) -> Result<NonZeroUsize, &'static str> {
    let bytes = size(words).ok().filter(|&bytes| bytes <= MOST_BYTES);
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes
        .and_then(NonZeroUsize::new)
        .ok_or("a receive buffer is a whole number of bytes, from 1 to 64k, such as 8 or 4k")
}

const MOST_BYTES: u64 = 64 * 1024; // no datagram is longer, and a larger one would show nothing

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_from_1_to_64k() {
        let bytes = |words| pieces(words).map(NonZeroUsize::get).ok();
        assert_eq!(bytes("1"), Some(1));
        assert_eq!(bytes("8k"), Some(8192));
        assert_eq!(bytes("64K"), Some(65_536));
        assert_eq!(bytes("65536"), Some(65_536));
        for wrong in [
            "",
            "0",
            "0k",
            "-1",
            "k",
            "1.5k",
            "8 k",
            "8kk",
            "1M",
            "65537",
            "65k",
            "18446744073709551615k",
        ] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
