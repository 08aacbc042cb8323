//! How a peer that speaks in lines shows that its address is its own: by saying a number that was
//! sent there.

use crate::session::config::UdpPolicy;

/// The number that a peer is asked for.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    code: Option<u32>, // drawn when it is first asked for
    guesses: u32,
}

impl Proof {
    /// The most bytes that [a challenge](Self::challenge) has.
    pub(crate) const MOST_BYTES: usize = "Say 000000 to go on.\r\n".len();

    /// What asks for the number, ended by `line_end`: the same number each time. `None` once it was
    /// missed too often.
    pub(crate) fn challenge(&mut self, line_end: &str) -> Option<String> {
        let code = *self
            .code
            .get_or_insert_with(|| rand::random_range(0..CODES));
        (self.guesses < MOST_GUESSES).then(|| format!("Say {code:06} to go on.{line_end}"))
    }

    /// Whether this datagram is the number that was asked for.
    pub(crate) fn is_given_by(&mut self, datagram: &[u8]) -> bool {
        let Some(code) = self.code.filter(|_| self.guesses < MOST_GUESSES) else {
            return false;
        };
        let said = datagram.trim_ascii();
        if said.len() != DIGITS || !said.iter().all(u8::is_ascii_digit) {
            return false;
        }
        let value = said
            .iter()
            .fold(0, |value, digit| 10 * value + u32::from(digit - b'0'));
        self.guesses += u32::from(value != code);
        value == code
    }
}

const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;
// Who forges an address and cannot read what is sent there must not find the number by trying.
const MOST_GUESSES: u32 = 10;

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
    use super::*;

    fn asked() -> (Proof, String) {
        let mut proof = Proof::default();
        let challenge = proof.challenge("\r\n").expect("nothing was missed yet");
        assert_eq!(challenge.len(), Proof::MOST_BYTES);
        (proof, challenge)
    }

    #[test]
    fn the_number_alone_is_the_proof() {
        let (mut proof, challenge) = asked();
        assert_eq!(proof.challenge("\r\n").as_deref(), Some(challenge.as_str()));
        let code = &challenge[4..10];
        for other in [
            "",
            "0",
            &challenge,
            &format!("{code}0"),
            &format!("{code} {code}"),
        ] {
            assert!(!proof.is_given_by(other.as_bytes()), "{other:?}");
        }
        assert!(proof.is_given_by(format!(" {code}\r\n").as_bytes()));
    }

    #[test]
    fn nothing_is_proven_before_it_was_asked_for() {
        let mut proof = Proof::default();
        assert!((0..CODES).all(|code| !proof.is_given_by(format!("{code:06}").as_bytes())));
    }

    #[test]
    fn it_cannot_be_guessed_for_ever() {
        let (mut proof, challenge) = asked();
        let code = &challenge[4..10];
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..MOST_GUESSES {
            assert!(!proof.is_given_by(wrong.as_bytes()));
        }
        assert!(!proof.is_given_by(code.as_bytes()));
        assert_eq!(proof.challenge("\n"), None);
    }
}

#[cfg(test)]
mod tests_of_ledger {
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
