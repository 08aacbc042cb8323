//! Address validation: what may be sent to hosts whose address may be forged, and the code by which
//! a peer shows that it receives at its address (compare RFC 9000, section 8).

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use siphasher::sip::SipHasher24;

use crate::limits::host_table::HostTable;
use crate::limits::token_bucket::TokenBucket;
use crate::peer::Host;
use crate::session::config::UdpPolicy;
use crate::udp::recv_batch::PeerKey;

/// The amplification limit of each host, and the codes that verify peers.
///
/// The limit belongs to the host: its ports and sessions share it, and it outlives them. A host that
/// is not in the table of hosts, because that is full of others, is sent no more than `factor` times
/// its last datagram, so no flood of forged addresses renews the limit of a host.
///
/// Codes are computed, not stored: a keyed hash of the addresses of a peer and the time, like a Retry
/// token of QUIC.
pub(crate) struct Validation {
    bytes: u64,
    factor: u64,
    hosts: HostTable<Budget>,
    unlisted: Option<(Host, u64)>, // the bytes left for a host that is not in the table
    unlisted_codes: TokenBucket,   // codes of such hosts
    key: [u8; 16],
    start: Instant,
    warnings: TokenBucket,
}

struct Budget {
    left: u64,
    wrong_codes: u32,
    peers: u32, // unverified ones of this host in the peer table
}

impl Validation {
    /// At most `max_peers` are in the peer table.
    pub(crate) fn new(policy: UdpPolicy, max_peers: usize, now: Instant) -> Self {
        let (bytes, factor) = match policy {
            UdpPolicy::Limited { bytes, factor, .. } => (bytes, factor),
            UdpPolicy::DedicatedPort { bytes, .. } => (bytes, DEDICATED_PORT_FACTOR),
            UdpPolicy::Unsupported(_) => (0, 0),
        };
        Self {
            bytes,
            factor,
            hosts: HostTable::new(max_peers.saturating_add(MAX_HOSTS), BUDGET_KEPT),
            unlisted: None,
            unlisted_codes: TokenBucket::per_second(UNLISTED_CODES_PER_SECOND, now),
            key: rand::random(),
            start: now,
            warnings: TokenBucket::per_second(WARNINGS_PER_SECOND, now),
        }
    }

    /// Counts a datagram from an unverified peer of this host.
    pub(crate) fn received(&mut self, host: Host, bytes: usize, now: Instant) {
        self.hosts.remove_expired(now, |budget| 0 < budget.peers);
        let credit = self.factor.saturating_mul(bytes as u64);
        let new = || Budget {
            left: self.bytes,
            wrong_codes: 0,
            peers: 0,
        };
        match self.hosts.get_or_insert(host, now, new) {
            Some(budget) => budget.left = budget.left.saturating_add(credit),
            None => self.unlisted = Some((host, credit)),
        }
    }

    /// Whether a datagram of this length, in bytes, may be sent to the host.
    pub(crate) fn allows(&mut self, host: Host, bytes: usize) -> bool {
        self.left(host).is_some_and(|left| bytes as u64 <= *left)
    }

    /// Counts bytes sent to an unverified peer of the host, which are [allowed](Self::allows).
    pub(crate) fn sent(&mut self, host: Host, bytes: usize) {
        debug_assert!(self.allows(host, bytes), "checked before sending");
        if let Some(left) = self.left(host) {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    /// Bytes were [sent](Self::sent) to a peer that is verified now.
    pub(crate) fn refund(&mut self, host: Host, bytes: u64) {
        if let Some(budget) = self.hosts.get_mut(host) {
            budget.left = budget.left.saturating_add(bytes);
        }
    }

    fn left(&mut self, host: Host) -> Option<&mut u64> {
        match self.hosts.get_mut(host) {
            Some(budget) => Some(&mut budget.left),
            None => {
                let unlisted = self.unlisted.as_mut();
                unlisted.and_then(|(of, left)| (*of == host).then_some(left))
            }
        }
    }

    /// An unverified peer of this host was added to the peer table: the limit of the host is kept
    /// until the peer is [removed](Self::peer_removed). Returns whether it is.
    pub(crate) fn peer_added(&mut self, host: Host) -> bool {
        let budget = self.hosts.get_mut(host);
        budget.map(|budget| budget.peers += 1).is_some()
    }

    /// A peer for which [`peer_added`](Self::peer_added) returned true was removed or verified.
    pub(crate) fn peer_removed(&mut self, host: Host) {
        if let Some(budget) = self.hosts.get_mut(host) {
            budget.peers -= 1;
        }
    }

    /// The text that asks a peer for its code.
    pub(crate) fn question(&self, peer: PeerKey, line_end: &str, now: Instant) -> String {
        let code = self.code(peer, self.window(now));
        let digits = (0..CODE_LENGTH).map(|index| {
            let digit = code >> (DIGIT_BITS * index) & (DIGITS.len() as u64 - 1);
            char::from(DIGITS[digit as usize])
        });
        let code: String = digits.collect();
        format!("{QUESTION}{code}{line_end}")
    }

    /// Whether the datagram is the code of this peer alone. A wrong code is counted.
    pub(crate) fn verify(
        &mut self,
        peer: PeerKey,
        host: Host,
        datagram: &[u8],
        now: Instant,
    ) -> bool {
        let Some(code) = parse_code(datagram) else {
            return false;
        };
        let window = self.window(now);
        let right = [window, window.saturating_sub(1)]
            .iter()
            .any(|&window| self.code(peer, window) == code);
        match self.hosts.get_mut(host) {
            Some(budget) => {
                let may_guess = budget.wrong_codes < MAX_WRONG_CODES;
                budget.wrong_codes += u32::from(may_guess && !right);
                right && may_guess
            }
            None => self.unlisted_codes.take(now) && right,
        }
    }

    /// The code of a peer in a window of time.
    fn code(&self, peer: PeerKey, window: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        (peer, window).hash(&mut hasher);
        hasher.finish() & ((1 << (DIGIT_BITS * CODE_LENGTH)) - 1)
    }

    fn window(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start);
        1 + elapsed.as_secs() / WINDOW.as_secs()
    }

    /// Whether a warning about one more peer may be logged: forged datagrams must not fill the log.
    pub(crate) fn may_warn(&mut self, now: Instant) -> bool {
        self.warnings.take(now)
    }

    #[cfg(test)]
    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }
}

/// The code that a datagram consists of, if it is one. Letters that are easily confused with a digit
/// are read as that digit, and the case does not matter (Crockford's Base32).
fn parse_code(datagram: &[u8]) -> Option<u64> {
    let text = datagram.trim_ascii();
    if text.len() != CODE_LENGTH as usize {
        return None;
    }
    let mut code = 0;
    for byte in text.iter().rev() {
        let digit = match byte.to_ascii_lowercase() {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        };
        let value = DIGITS.iter().position(|&other| other == digit)?;
        code = code << DIGIT_BITS | value as u64;
    }
    Some(code)
}

pub(crate) const QUESTION: &str =
    "UDP addresses can be forged. To show that this one is yours, send: ";
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGIT_BITS: u32 = 5;
const CODE_LENGTH: u32 = 8; // 40 bits: with the limits on wrong codes, a guess takes decades
const WINDOW: Duration = Duration::from_secs(5 * 60); // a code is valid for this time to twice as long
const MAX_WRONG_CODES: u32 = 10; // of a host, as long as it is in the table
const UNLISTED_CODES_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");
const WARNINGS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1).expect("1 is not 0");
const DEDICATED_PORT_FACTOR: u64 = 3;
const MAX_HOSTS: usize = 16_384; // without a peer in the peer table
/// The limit of a host is renewed after this time at the earliest. Together with [`MAX_HOSTS`], this
/// bounds what a flood from ever new addresses gets beyond the factor.
pub(crate) const BUDGET_KEPT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn host(number: u32) -> Host {
        Host::Ip(IpAddr::V4(number.into()))
    }

    fn peer(port: u16) -> PeerKey {
        let remote = SocketAddr::from(([192, 0, 2, 1], port));
        (remote, SocketAddr::from(([198, 51, 100, 1], 1212)))
    }

    fn validation(now: Instant) -> Validation {
        Validation::new(UdpPolicy::DEFAULT, 10, now)
    }

    #[test]
    fn the_limit_of_a_host_is_exact() {
        let now = Instant::now();
        let mut validation = validation(now);
        assert!(!validation.allows(host(1), 1), "it has sent nothing");
        validation.received(host(1), 0, now);
        assert!(validation.allows(host(1), 128) && !validation.allows(host(1), 129));
        validation.received(host(1), 10, now);
        validation.sent(host(1), 150);
        assert!(validation.allows(host(1), 8) && !validation.allows(host(1), 9));
    }

    #[test]
    fn the_limit_outlives_the_peers_of_the_host() {
        let start = Instant::now();
        let mut validation = validation(start);
        validation.received(host(1), 0, start);
        assert!(validation.peer_added(host(1)));
        validation.sent(host(1), 128);
        let later = start + 100 * BUDGET_KEPT;
        validation.received(host(1), 0, later);
        assert!(!validation.allows(host(1), 1), "it still has a peer");
        validation.peer_removed(host(1));
        validation.received(host(1), 0, later + BUDGET_KEPT - SECOND);
        assert!(!validation.allows(host(1), 1), "its peer has just left");
        validation.received(host(1), 0, later + BUDGET_KEPT);
        assert!(validation.allows(host(1), 128));
    }

    #[test]
    fn other_hosts_cannot_renew_the_limit_of_a_host() {
        let start = Instant::now();
        let mut validation = validation(start);
        validation.received(host(0), 0, start);
        validation.sent(host(0), 128);
        for number in 1..100_000 {
            validation.received(host(number), 1, start);
        }
        assert_eq!(validation.hosts(), MAX_HOSTS + 10);
        validation.received(host(0), 1, start);
        assert!(validation.allows(host(0), 3) && !validation.allows(host(0), 4));
        // One that found the table full is sent no more than three times its last datagram.
        let unlisted = host(99_999);
        validation.received(unlisted, 20, start);
        validation.received(unlisted, 10, start);
        assert!(validation.allows(unlisted, 30) && !validation.allows(unlisted, 31));
        validation.sent(unlisted, 20);
        assert!(validation.allows(unlisted, 10) && !validation.allows(unlisted, 11));
        assert!(!validation.allows(host(99_998), 1));
        // Later there is room again.
        for _ in 0..2 * MAX_HOSTS / 16 {
            validation.received(unlisted, 0, start + BUDGET_KEPT);
        }
        assert!(validation.allows(unlisted, 128));
        assert_eq!(validation.hosts(), 1);
    }

    fn code(validation: &Validation, peer: PeerKey, now: Instant) -> String {
        let question = validation.question(peer, "\r\n", now);
        let code = question.strip_prefix(QUESTION);
        let code = code.and_then(|code| code.strip_suffix("\r\n"));
        code.expect("the question is as documented").to_owned()
    }

    #[test]
    fn a_question_fits_into_the_limit_of_a_host() {
        let now = Instant::now();
        let question = validation(now).question(peer(1), "\r\n", now);
        assert!(question.len() <= 80, "{question}");
    }

    #[test]
    fn only_the_code_of_the_peer_alone_verifies() {
        let now = Instant::now();
        let mut validation = validation(now);
        validation.received(host(1), 0, now);
        let own = code(&validation, peer(1), now);
        assert_ne!(own, code(&validation, peer(2), now));
        let question = validation.question(peer(1), "", now);
        let other = code(&validation, peer(2), now);
        for datagram in ["", &own[1..], &question, &format!("{own}0"), &other] {
            let verified = validation.verify(peer(1), host(1), datagram.as_bytes(), now);
            assert!(!verified, "{datagram:?}");
        }
        let typed = own.to_uppercase().replace('0', "O").replace('1', "l");
        for datagram in [&own, &format!(" {own}\r\n"), &typed] {
            let verified = validation.verify(peer(1), host(1), datagram.as_bytes(), now);
            assert!(verified, "{datagram:?}");
        }
    }

    #[test]
    fn each_server_has_a_key_of_its_own() {
        let now = Instant::now();
        let codes = [validation(now), validation(now)];
        let [one, two] = codes.map(|validation| code(&validation, peer(1), now));
        assert_ne!(one, two);
    }

    #[test]
    fn a_code_expires() {
        let start = Instant::now();
        let mut validation = validation(start);
        validation.received(host(1), 0, start);
        let own = code(&validation, peer(1), start);
        for (after, valid) in [
            (0, true),
            (300, true),
            (599, true),
            (600, false),
            (9999, false),
        ] {
            let now = start + after * SECOND;
            let verified = validation.verify(peer(1), host(1), own.as_bytes(), now);
            assert_eq!(verified, valid, "after {after} s");
        }
    }

    #[test]
    fn wrong_codes_are_counted_for_all_ports_of_a_host() {
        let now = Instant::now();
        let mut validation = validation(now);
        validation.received(host(1), 0, now);
        for port in 1..=10 {
            let other = code(&validation, peer(1 + port), now);
            assert!(!validation.verify(peer(port), host(1), other.as_bytes(), now));
        }
        let own = code(&validation, peer(1), now);
        assert!(!validation.verify(peer(1), host(1), own.as_bytes(), now));
        // Hosts that are not in the table have a limit together.
        for _ in 0..UNLISTED_CODES_PER_SECOND.get() {
            assert!(!validation.verify(peer(1), host(2), b"00000000", now));
        }
        assert!(!validation.verify(peer(1), host(3), own.as_bytes(), now));
        assert!(validation.verify(peer(1), host(3), own.as_bytes(), now + SECOND));
    }
}
