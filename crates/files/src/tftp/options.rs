//! What is asked for beyond the plain protocol, and agreed to.

use std::time::Duration;

use crate::protocol::quoting::number;
use crate::tftp::packet::{Malformed, push, string};

/// Options, asked for or agreed to. Others are not known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Bytes in a block, 8 to 65464.
    pub blksize: Option<u16>,
    /// Seconds until something is said again, 1 to 255.
    pub timeout: Option<u8>,
    /// Bytes in the file; who asks for a file asks for 0.
    pub tsize: Option<u64>,
    /// Blocks that may be under way at the same time, from 1.
    pub windowsize: Option<u16>,
}

/// How a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Bytes in every block but the last.
    pub block_bytes: u16,
    /// So many blocks are sent before an acknowledgement is waited for.
    pub window: u16,
    /// How long to wait for the first answer, where that was agreed.
    pub timeout: Option<Duration>,
    /// Bytes in the file, as far as the other side said so.
    pub size: Option<u64>,
}

/// The most that is agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes in a block.
    pub block_bytes: u16,
    /// Blocks in a window.
    pub window: u16,
}

impl Default for Negotiated {
    /// Those of the plain protocol.
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
    /// For packets that need not be cut into fragments on an Ethernet, and windows that most can
    /// take: one client is known to fail beyond 64.
    #[must_use]
    pub fn ethernet(ipv6: bool) -> Self {
        Self {
            block_bytes: if ipv6 { 1448 } else { 1468 },
            window: 64,
        }
    }
}

impl Options {
    /// How a server sends or takes a file of which it knows this size, and what it answers: no
    /// option that was not asked for, and none at all if nothing was.
    ///
    /// The size of an empty file is not told, since some clients take 0 for a mistake.
    #[must_use]
    pub fn negotiate(&self, caps: &Caps, size: Option<u64>) -> (Negotiated, Self) {
        let plain = Negotiated::default();
        let blksize = self.blksize.map(|asked| asked.min(caps.block_bytes));
        let block_bytes = blksize.unwrap_or(plain.block_bytes);
        let fit = WINDOW_BYTES / u32::from(block_bytes.max(1));
        let most = u16::try_from(fit).map_or(caps.window, |fit| fit.min(caps.window).max(1));
        let windowsize = self.windowsize.map(|asked| asked.min(most));
        let negotiated = Negotiated {
            block_bytes,
            window: windowsize.unwrap_or(plain.window),
            timeout: self.timeout.map(|asked| Duration::from_secs(asked.into())),
            size: self.tsize,
        };
        let agreed = Self {
            blksize,
            timeout: self.timeout,
            tsize: self.tsize.and(size).filter(|&size| 0 < size),
            windowsize,
        };
        (negotiated, agreed)
    }

    /// What a client that asked for these makes of the answer.
    ///
    /// # Errors
    ///
    /// It was answered more than it had asked for.
    pub fn accept(&self, agreed: &Self) -> Result<Negotiated, Malformed> {
        let within = |agreed: Option<u16>, asked| agreed <= asked; // none is less than any
        let modest = within(agreed.blksize, self.blksize)
            && within(agreed.windowsize, self.windowsize)
            && (agreed.timeout.is_none() || agreed.timeout == self.timeout)
            && (agreed.tsize.is_none() || self.tsize.is_some());
        if !modest {
            return Err(Malformed::Options);
        }
        let plain = Negotiated::default();
        Ok(Negotiated {
            block_bytes: agreed.blksize.unwrap_or(plain.block_bytes),
            window: agreed.windowsize.unwrap_or(plain.window),
            timeout: agreed
                .timeout
                .map(|seconds| Duration::from_secs(seconds.into())),
            size: agreed.tsize,
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those of a request. What is unknown, out of range or no whole pair is as if it were not there.
    pub(super) fn parse_asked(mut bytes: &[u8]) -> Self {
        let mut options = Self::default();
        while let Some((name, value, rest)) = pair(bytes) {
            options.take(name, value);
            bytes = rest;
        }
        options
    }

    /// Those of an answer, where nothing may be misunderstood.
    pub(super) fn parse_agreed(mut bytes: &[u8]) -> Result<Self, Malformed> {
        let mut options = Self::default();
        while let Some((name, value, rest)) = pair(bytes) {
            options.take(name, value).ok_or(Malformed::Options)?;
            bytes = rest;
        }
        let is_whole = bytes.is_empty();
        is_whole.then_some(options).ok_or(Malformed::Options)
    }

    /// Takes an option, if it was not given before; `None` if it or its value is unknown. More than
    /// there can be of something is as much as there can be.
    fn take(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let number = number(value);
        if is(BLKSIZE) {
            let bytes = number.filter(|bytes| BLOCK_BYTES_LEAST <= *bytes)?;
            let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
            self.blksize.get_or_insert(bytes.min(BLOCK_BYTES_MOST));
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

/// The first name with its value, and what follows.
fn pair(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = string(bytes).filter(|(name, _)| !name.is_empty())?;
    let (value, rest) = string(rest)?;
    Some((name, value, rest))
}

const BLKSIZE: &str = "blksize";
const TIMEOUT: &str = "timeout";
const TSIZE: &str = "tsize";
const WINDOWSIZE: &str = "windowsize";

const BLOCK_BYTES_LEAST: u64 = 8; // RFC 2348
const BLOCK_BYTES_MOST: u16 = 65_464; // what an IPv4 datagram can hold
const WINDOW_BYTES: u32 = 128 * 1024; // what systems let wait at a socket, or not much more

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Options = Options {
        blksize: Some(1428),
        timeout: Some(3),
        tsize: Some(0),
        windowsize: Some(16),
    };

    fn negotiate(asked: Options, size: Option<u64>) -> (Negotiated, Options) {
        asked.negotiate(&Caps::ethernet(false), size)
    }

    #[test]
    fn nothing_is_agreed_to_that_was_not_asked_for() {
        let (negotiated, agreed) = negotiate(Options::default(), Some(1000));
        assert_eq!(negotiated, Negotiated::default());
        assert!(agreed.is_empty());
        let (negotiated, agreed) = negotiate(ALL, Some(1000));
        assert_eq!(
            agreed,
            Options {
                tsize: Some(1000),
                ..ALL
            }
        );
        assert_eq!((negotiated.block_bytes, negotiated.window), (1428, 16));
        assert_eq!(negotiated.timeout, Some(Duration::from_secs(3)));
    }

    #[test]
    fn the_size_is_told_unless_it_is_nothing_or_unknown() {
        let asked = Options {
            tsize: Some(0),
            ..Options::default()
        };
        assert!(negotiate(asked, Some(0)).1.is_empty());
        assert!(negotiate(asked, None).1.is_empty());
        assert_eq!(negotiate(asked, Some(1)).1.tsize, Some(1));
    }

    #[test]
    fn blocks_and_windows_are_capped() {
        let asked = |blksize, windowsize| Options {
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
            let (negotiated, agreed) = negotiate(asked(blksize, windowsize), None);
            assert_eq!(
                (negotiated.block_bytes, negotiated.window),
                (blocks, window)
            );
            assert_eq!(agreed, asked(blocks, window));
        }
        let roomy = Caps {
            block_bytes: 65_464,
            window: 64,
        };
        let (negotiated, _) = asked(65_464, 64).negotiate(&roomy, None);
        assert_eq!((negotiated.block_bytes, negotiated.window), (65_464, 2));
    }

    #[test]
    fn more_than_was_asked_for_is_not_accepted() {
        let none = Options::default();
        assert_eq!(none.accept(&none), Ok(Negotiated::default()));
        let negotiated = ALL.accept(&Options {
            tsize: Some(7),
            ..ALL
        });
        let negotiated = negotiated.expect("it is what was asked for");
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
        for unasked in [
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
            assert_eq!(none.accept(&unasked), Err(Malformed::Options));
        }
    }

    #[test]
    fn values_that_are_none_are_not_asked_for() {
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
                Options::parse_asked(bytes),
                none,
                "{}",
                bytes.escape_ascii()
            );
        }
        let asked = Options::parse_asked(b"blksize\x0070000\0windowsize\x0070000\0blksize\x008\0");
        assert_eq!(
            (asked.blksize, asked.windowsize),
            (Some(65_464), Some(65_535))
        );
    }
}
