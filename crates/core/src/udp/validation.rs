//! Address validation: the amplification limit for unverified source addresses, and the challenge
//! that verifies one (compare RFC 9000, section 8).

use crate::session::config::UdpPolicy;

/// How much may be sent to an address that the peer may have forged. Verified peers have no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AmplificationLimit {
    left: Option<u64>, // bytes; `None` once the address is verified
    factor: u64,
}

impl AmplificationLimit {
    pub(crate) fn new(policy: UdpPolicy) -> Self {
        let (bytes, factor) = match policy {
            UdpPolicy::Limited { bytes, factor, .. } => (bytes, factor),
            UdpPolicy::DedicatedPort { bytes, .. } => (bytes, 0),
            UdpPolicy::Unsupported(_) => (0, 0),
        };
        Self {
            left: Some(bytes),
            factor,
        }
    }

    /// Adds `factor` times the `bytes` received.
    pub(crate) fn received(&mut self, bytes: usize) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_add(self.factor.saturating_mul(bytes as u64));
        }
    }

    pub(crate) fn allows(&self, bytes: usize) -> bool {
        self.left.is_none_or(|left| bytes as u64 <= left)
    }

    /// Counts `bytes` sent, which are [allowed](Self::allows).
    pub(crate) fn sent(&mut self, bytes: usize) {
        debug_assert!(self.allows(bytes), "checked before sending");
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    /// Whether the address is verified.
    pub(crate) fn is_lifted(&self) -> bool {
        self.left.is_none()
    }

    /// Removes the limit: the address is verified.
    pub(crate) fn lift(&mut self) {
        self.left = None;
    }
}

/// A random code sent to the address of a peer. A peer that sends it back receives datagrams there.
/// Only for services whose messages are lines: a person or program has to read the code.
#[derive(Debug, Default)]
pub(crate) struct Challenge {
    code: Option<u32>, // drawn for the first message
    failures: u32,
}

impl Challenge {
    /// The length of the longest [message](Self::message).
    pub(crate) const MAX_BYTES: usize = "Say 000000 to go on.\r\n".len();

    /// The text that asks for the code, with the same code each time. `None` after too many wrong
    /// codes.
    pub(crate) fn message(&mut self, line_end: &str) -> Option<String> {
        let code = *self
            .code
            .get_or_insert_with(|| rand::random_range(0..CODES));
        (self.failures < MAX_FAILURES).then(|| format!("Say {code:06} to go on.{line_end}"))
    }

    /// Whether `datagram` is the right code. A wrong code is counted.
    pub(crate) fn verify(&mut self, datagram: &[u8]) -> bool {
        let Some(code) = self.code.filter(|_| self.failures < MAX_FAILURES) else {
            return false;
        };
        let digits = datagram.trim_ascii();
        if digits.len() != DIGITS || !digits.iter().all(u8::is_ascii_digit) {
            return false;
        }
        let right = format!("{code:06}").as_bytes() == digits;
        self.failures += u32::from(!right);
        right
    }
}

const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;
const MAX_FAILURES: u32 = 10; // a sender with a forged address cannot guess the code

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let mut limit = AmplificationLimit::new(UdpPolicy::DEFAULT);
        assert!(limit.allows(128) && !limit.allows(129));
        limit.received(10);
        limit.sent(150);
        assert!(limit.allows(8) && !limit.allows(9));
        limit.lift();
        assert!(limit.allows(usize::MAX));
    }

    proptest! {
        #[test]
        fn no_pattern_exceeds_the_limit(bytes: u64, factor: u32, moves: Vec<(bool, usize)>) {
            let policy = UdpPolicy::Limited { bytes, factor: factor.into(), reason: "any" };
            let mut limit = AmplificationLimit::new(policy);
            let (mut received, mut sent) = (0, 0);
            for (is_received, count) in moves {
                if is_received {
                    limit.received(count);
                    received += count as u128;
                } else if limit.allows(count) {
                    limit.sent(count);
                    sent += count as u128;
                }
                prop_assert!(sent <= u128::from(bytes) + received * u128::from(factor));
            }
        }
    }

    fn challenge() -> (Challenge, String) {
        let mut challenge = Challenge::default();
        let message = challenge.message("\r\n").expect("no wrong code yet");
        assert_eq!(message.len(), Challenge::MAX_BYTES);
        (challenge, message)
    }

    #[test]
    fn only_the_code_alone_verifies() {
        let (mut challenge, message) = challenge();
        assert_eq!(challenge.message("\r\n").as_deref(), Some(message.as_str()));
        let code = &message[4..10];
        for other in [
            "",
            "0",
            &message,
            &format!("{code}0"),
            &format!("{code} {code}"),
        ] {
            assert!(!challenge.verify(other.as_bytes()), "{other:?}");
        }
        assert!(challenge.verify(format!(" {code}\r\n").as_bytes()));
    }

    #[test]
    fn no_code_verifies_before_the_challenge() {
        let mut challenge = Challenge::default();
        assert!((0..CODES).all(|code| !challenge.verify(format!("{code:06}").as_bytes())));
    }

    #[test]
    fn guesses_are_limited() {
        let (mut challenge, message) = challenge();
        let code = &message[4..10];
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..MAX_FAILURES {
            assert!(!challenge.verify(wrong.as_bytes()));
        }
        assert!(!challenge.verify(code.as_bytes()));
        assert_eq!(challenge.message("\n"), None);
    }
}
