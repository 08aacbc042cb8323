//! The datagrams in flight.

use std::time::{Duration, Instant};

/// `N` slots for datagrams in flight.
///
/// The serial number of a datagram modulo `N` is its slot. Serial numbers are never reused, so a
/// late answer to a lost datagram is not mistaken for an answer to its successor.
#[derive(Debug)]
pub struct Window<const N: usize> {
    serials: [u64; N],
    issued: [Instant; N],
}

impl<const N: usize> Window<N> {
    /// All slots in use, with the serial numbers below `N`.
    pub fn new(now: Instant) -> Self {
        Self {
            serials: std::array::from_fn(|place| place as u64),
            issued: [now; N],
        }
    }

    /// The serial numbers in flight.
    pub fn serials(&self) -> &[u64] {
        &self.serials
    }

    /// Handles an answer. Returns the number to send next in the same slot, or `None` if the answer
    /// is too late.
    pub fn answered(&mut self, serial: u64, now: Instant) -> Option<u64> {
        let place = (serial % N as u64) as usize;
        (self.serials[place] == serial).then(|| self.issue(place, now))
    }

    /// Replaces the datagrams in flight for at least `time`. Returns the numbers to send next.
    pub fn overdue(&mut self, time: Duration, now: Instant) -> Vec<u64> {
        let late = self.issued.map(|issued| issued + time <= now);
        let late = (0..N).filter(|place| late[*place]);
        late.map(|place| self.issue(place, now)).collect()
    }

    fn issue(&mut self, place: usize, now: Instant) -> u64 {
        self.serials[place] += N as u64;
        self.issued[place] = now;
        self.serials[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once() {
        let now = Instant::now();
        let mut window = Window::<4>::new(now);
        assert_eq!(window.answered(2, now), Some(6));
        assert_eq!(window.answered(2, now), None);
        assert_eq!(window.answered(6, now), Some(10));
        assert_eq!(window.serials(), [0, 1, 10, 3]);
    }

    #[test]
    fn an_answer_after_the_timeout_is_ignored() {
        let now = Instant::now();
        let (time, later) = (Duration::from_secs(1), now + Duration::from_secs(1));
        let mut window = Window::<2>::new(now);
        window.answered(0, later);
        assert_eq!(window.overdue(time, later), [3]);
        assert_eq!(window.overdue(time, later), []);
        assert_eq!(window.answered(1, later), None);
    }
}
