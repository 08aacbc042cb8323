//! How a peer that speaks in lines shows that its address is its own: by saying a number that was
//! sent there.

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
