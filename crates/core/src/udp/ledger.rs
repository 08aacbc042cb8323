//! What a peer may be sent before it has shown that its address is its own.

use crate::session::config::UdpPolicy;

/// Holds against each other what was received from an address and what was sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ledger {
    left: Option<u64>, // so many bytes may still be sent; any number if there is no measure
    factor: u64,
}

impl Ledger {
    pub(crate) fn new(measure: UdpPolicy) -> Self {
        let (bytes, factor) = match measure {
            UdpPolicy::Limited { bytes, factor, .. } => (bytes, factor),
            UdpPolicy::DedicatedPort { bytes, .. } => (bytes, 0),
            UdpPolicy::Unsupported(_) => (0, 0),
        };
        Self {
            left: Some(bytes),
            factor,
        }
    }

    /// So many bytes came from the address.
    pub(crate) fn received(&mut self, bytes: usize) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_add(self.factor.saturating_mul(bytes as u64));
        }
    }

    /// Whether so many bytes may be sent there.
    pub(crate) fn allows(&self, bytes: usize) -> bool {
        self.left.is_none_or(|left| bytes as u64 <= left)
    }

    /// So many bytes were sent there, as [allowed](Self::allows).
    pub(crate) fn sent(&mut self, bytes: usize) {
        debug_assert!(self.allows(bytes), "asked before it was sent");
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    /// The address is the peer's own: no measure applies any more.
    pub(crate) fn lift(&mut self) {
        self.left = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_measure_is_kept_to_the_byte() {
        let mut ledger = Ledger::new(UdpPolicy::DEFAULT);
        assert!(ledger.allows(128) && !ledger.allows(129));
        ledger.received(10);
        ledger.sent(150);
        assert!(ledger.allows(8) && !ledger.allows(9));
        ledger.lift();
        assert!(ledger.allows(usize::MAX));
    }

    proptest! {
        #[test]
        fn no_pattern_gets_more(bytes: u64, factor: u32, moves: Vec<(bool, usize)>) {
            let mut ledger = Ledger::new(UdpPolicy::Limited { bytes, factor: factor.into(), reason: "any" });
            let (mut received, mut sent) = (0, 0);
            for (is_received, count) in moves {
                if is_received {
                    ledger.received(count);
                    received += count as u128;
                } else if ledger.allows(count) {
                    ledger.sent(count);
                    sent += count as u128;
                }
                prop_assert!(sent <= u128::from(bytes) + received * u128::from(factor));
            }
        }
    }
}
