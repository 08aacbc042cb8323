//! Options, and their negotiation.

use std::time::Duration;

use crate::protocol::quoting::number;
use crate::tftp::error::Malformed;
use crate::tftp::field::{push, split};

/// Options of a request, or of its acknowledgement. Unknown ones are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Bytes in a block, 8 to 65464 (RFC 2348).
    pub blksize: Option<u16>,
    /// Seconds until a retransmission, 1 to 255 (RFC 2349).
    pub timeout: Option<u8>,
    /// Bytes in the file; 0 in a read request (RFC 2349).
    pub tsize: Option<u64>,
    /// Blocks in a window, from 1 (RFC 7440).
    pub windowsize: Option<u16>,
}

/// The parameters of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Bytes in every block but the last.
    pub block_bytes: u16,
    /// Blocks that are sent before an acknowledgement is awaited.
    pub window: u16,
    /// Time until the first retransmission, if it was negotiated.
    pub timeout: Option<Duration>,
    /// Bytes in the file, if the peer announced it.
    pub size: Option<u64>,
}

/// The maximum values that a server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caps {
    /// Bytes in a block.
    pub block_bytes: u16,
    /// Blocks in a window.
    pub window: u16,
}

impl Default for Negotiated {
    /// The parameters without options (RFC 1350).
    fn default() -> Self {
        Self {
            block_bytes: 512,
            window: 1,
            timeout: None,
            size: None,
        }
    }
}

impl Caps {
    /// Blocks that fit into an Ethernet frame without fragmentation, and windows that most clients
    /// support: one is known to fail beyond 64.
    #[must_use]
    pub fn ethernet(ipv6: bool) -> Self {
        Self {
            block_bytes: if ipv6 { 1448 } else { 1468 },
            window: 64,
        }
    }
}

impl Options {
    /// The server's part: the parameters for these requested options, and the options to acknowledge,
    /// which are none that were not requested. `size` is that of the file, if it is known.
    ///
    /// The size of an empty file is not sent, since some clients take 0 for an error.
    #[must_use]
    pub fn negotiate(&self, caps: &Caps, size: Option<u64>) -> (Negotiated, Self) {
        let plain = Negotiated::default();
        let blksize = self.blksize.map(|bytes| bytes.min(caps.block_bytes));
        let block_bytes = blksize.unwrap_or(plain.block_bytes);
        let fit = MAX_WINDOW_BYTES / u32::from(block_bytes.max(1));
        let max = u16::try_from(fit).map_or(caps.window, |fit| fit.min(caps.window).max(1));
        let windowsize = self.windowsize.map(|blocks| blocks.min(max));
        let acked = Self {
            blksize,
            timeout: self.timeout,
            tsize: self.tsize.and(size).filter(|&size| 0 < size),
            windowsize,
        };
        let negotiated = Negotiated {
            size: self.tsize,
            ..acked.parameters()
        };
        (negotiated, acked)
    }

    /// The client's part: the parameters, if the server `acked` these options for a request with
    /// `self`.
    ///
    /// # Errors
    ///
    /// The server acknowledges more than was requested.
    pub fn accept(&self, acked: &Self) -> Result<Negotiated, Malformed> {
        let within = |acked: Option<u16>, requested| acked <= requested; // `None` is the least
        let is_valid = within(acked.blksize, self.blksize)
            && within(acked.windowsize, self.windowsize)
            && (acked.timeout.is_none() || acked.timeout == self.timeout)
            && (acked.tsize.is_none() || self.tsize.is_some());
        is_valid
            .then(|| acked.parameters())
            .ok_or(Malformed::Options)
    }

    /// The parameters once these options are acknowledged.
    fn parameters(&self) -> Negotiated {
        let plain = Negotiated::default();
        Negotiated {
            block_bytes: self.blksize.unwrap_or(plain.block_bytes),
            window: self.windowsize.unwrap_or(plain.window),
            timeout: self
                .timeout
                .map(|seconds| Duration::from_secs(seconds.into())),
            size: self.tsize,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Options of a request. Those that are unknown, out of range or incomplete are ignored.
    pub(super) fn parse_requested(mut bytes: &[u8]) -> Self {
        let mut options = Self::default();
        while let Some((name, value, rest)) = pair(bytes) {
            options.set(name, value);
            bytes = rest;
        }
        options
    }

    /// Options of an acknowledgement. Padding (NULs) and unknown options are ignored, since a client
    /// uses only what it requested, and the last NUL may be missing. But a known option must have one
    /// valid value.
    pub(super) fn parse_acked(mut bytes: &[u8]) -> Result<Self, Malformed> {
        let mut options = Self::default();
        while let Some(start) = bytes.iter().position(|&byte| byte != 0) {
            let (name, rest) = split_or_all(&bytes[start..]);
            let (value, rest) = split_or_all(rest);
            let mut one = Self::default();
            if one.set(name, value).is_none() && is_known(name) {
                return Err(Malformed::Options);
            }
            options = options.merge(one).ok_or(Malformed::Options)?;
            bytes = rest;
        }
        Ok(options)
    }

    /// The options of both; `None` if they contradict each other.
    fn merge(self, other: Self) -> Option<Self> {
        fn one<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<Option<T>> {
            match (a, b) {
                (Some(a), Some(b)) => (a == b).then_some(Some(a)),
                (a, b) => Some(a.or(b)),
            }
        }
        Some(Self {
            blksize: one(self.blksize, other.blksize)?,
            timeout: one(self.timeout, other.timeout)?,
            tsize: one(self.tsize, other.tsize)?,
            windowsize: one(self.windowsize, other.windowsize)?,
        })
    }

    /// Sets an option; its first value counts, capped at the maximum. `None` if it is unknown, or its
    /// value is not valid.
    fn set(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let number = number(value.trim_ascii()); // some pad it with a blank
        if is(BLKSIZE) {
            let bytes = number.filter(|bytes| MIN_BLOCK_BYTES <= *bytes)?;
            let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
            self.blksize.get_or_insert(bytes.min(MAX_BLOCK_BYTES));
        } else if is(TIMEOUT) {
            let seconds = u8::try_from(number?).ok().filter(|&seconds| 0 < seconds)?;
            self.timeout.get_or_insert(seconds);
        } else if is(TSIZE) {
            self.tsize.get_or_insert(number?);
        } else if is(WINDOWSIZE) {
            let blocks = number.filter(|&blocks| 0 < blocks)?;
            let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
            self.windowsize.get_or_insert(blocks);
        } else {
            return None;
        }
        Some(())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let options = [
            (BLKSIZE, self.blksize.map(u64::from)),
            (TIMEOUT, self.timeout.map(u64::from)),
            (TSIZE, self.tsize),
            (WINDOWSIZE, self.windowsize.map(u64::from)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                push(out, name.as_bytes());
                push(out, value.to_string().as_bytes());
            }
        }
    }
}

/// The first option's name and value, and the rest.
fn pair(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = split(bytes).filter(|(name, _)| !name.is_empty())?;
    let (value, rest) = split(rest)?;
    Some((name, value, rest))
}

/// The string that `bytes` begin with, and the rest; without a NUL, the string is all of them.
fn split_or_all(bytes: &[u8]) -> (&[u8], &[u8]) {
    split(bytes).unwrap_or((bytes, &[]))
}

fn is_known(name: &[u8]) -> bool {
    let mut known = [BLKSIZE, TIMEOUT, TSIZE, WINDOWSIZE].into_iter();
    known.any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

const BLKSIZE: &str = "blksize";
const TIMEOUT: &str = "timeout";
const TSIZE: &str = "tsize";
const WINDOWSIZE: &str = "windowsize";

const MIN_BLOCK_BYTES: u64 = 8; // RFC 2348
const MAX_BLOCK_BYTES: u16 = 65_464; // fits into an IPv4 datagram
const MAX_WINDOW_BYTES: u32 = 128 * 1024; // about the default receive buffer of a socket

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Options = Options {
        blksize: Some(1428),
        timeout: Some(3),
        tsize: Some(0),
        windowsize: Some(16),
    };

    fn negotiate(requested: Options, size: Option<u64>) -> (Negotiated, Options) {
        requested.negotiate(&Caps::ethernet(false), size)
    }

    #[test]
    fn only_requested_options_are_acknowledged() {
        let (negotiated, acked) = negotiate(Options::default(), Some(1000));
        assert_eq!(negotiated, Negotiated::default());
        assert!(acked.is_empty());
        let (negotiated, acked) = negotiate(ALL, Some(1000));
        assert_eq!(
            acked,
            Options {
                tsize: Some(1000),
                ..ALL
            }
        );
        assert_eq!((negotiated.block_bytes, negotiated.window), (1428, 16));
        assert_eq!(negotiated.timeout, Some(Duration::from_secs(3)));
    }

    #[test]
    fn the_size_is_sent_unless_it_is_zero_or_unknown() {
        let requested = Options {
            tsize: Some(0),
            ..Options::default()
        };
        assert!(negotiate(requested, Some(0)).1.is_empty());
        assert!(negotiate(requested, None).1.is_empty());
        assert_eq!(negotiate(requested, Some(1)).1.tsize, Some(1));
    }

    #[test]
    fn blocks_and_windows_are_capped() {
        let requested = |blksize, windowsize| Options {
            blksize: Some(blksize),
            windowsize: Some(windowsize),
            ..Options::default()
        };
        for (blksize, windowsize, blocks, window) in [
            (8, 1, 8, 1),
            (512, 65_535, 512, 64),
            (65_464, 65_535, 1468, 64),
            (1469, 2, 1468, 2),
        ] {
            let (negotiated, acked) = negotiate(requested(blksize, windowsize), None);
            assert_eq!(
                (negotiated.block_bytes, negotiated.window),
                (blocks, window)
            );
            assert_eq!(acked, requested(blocks, window));
        }
        let roomy = Caps {
            block_bytes: 65_464,
            window: 64,
        };
        let (negotiated, _) = requested(65_464, 64).negotiate(&roomy, None);
        assert_eq!((negotiated.block_bytes, negotiated.window), (65_464, 2));
    }

    #[test]
    fn more_than_was_requested_is_not_accepted() {
        let none = Options::default();
        assert_eq!(none.accept(&none), Ok(Negotiated::default()));
        let negotiated = ALL.accept(&Options {
            tsize: Some(7),
            ..ALL
        });
        let negotiated = negotiated.expect("it is what was requested for");
        assert_eq!(
            (negotiated.block_bytes, negotiated.window, negotiated.size),
            (1428, 16, Some(7))
        );
        for more in [
            Options {
                blksize: Some(1429),
                ..ALL
            },
            Options {
                windowsize: Some(17),
                ..ALL
            },
            Options {
                timeout: Some(4),
                ..ALL
            },
        ] {
            assert_eq!(ALL.accept(&more), Err(Malformed::Options));
        }
        for unrequested in [
            Options {
                blksize: Some(8),
                ..none
            },
            Options {
                windowsize: Some(1),
                ..none
            },
            Options {
                timeout: Some(1),
                ..none
            },
            Options {
                tsize: Some(1),
                ..none
            },
        ] {
            assert_eq!(none.accept(&unrequested), Err(Malformed::Options));
        }
    }

    #[test]
    fn invalid_values_are_ignored() {
        let none = Options::default();
        for bytes in [
            &b"blksize\x007\0"[..],
            b"blksize\0+512\0",
            b"blksize\0\0",
            b"blksize\099999999999999999999\0",
            b"timeout\x000\0timeout\x00256\0",
            b"tsize\0-1\0",
            b"windowsize\x000\0",
        ] {
            assert_eq!(
                Options::parse_requested(bytes),
                none,
                "{}",
                bytes.escape_ascii()
            );
        }
        let requested =
            Options::parse_requested(b"blksize\x0070000\0windowsize\x0070000\0blksize\x008\0");
        assert_eq!(
            (requested.blksize, requested.windowsize),
            (Some(65_464), Some(65_535))
        );
    }
}
