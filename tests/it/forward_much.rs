//! Far more than any memory holds goes from one client to another, through the whole program.

use std::io::{Read, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::harness::{Server, until};
use crate::scene::check_memory;

#[test]
fn much_arrives_whole_at_somebody_slow_in_little_memory() {
    let check = |model: &str| {
        let server = Server::start(&format!("forward --model {model}"));
        let mut sends = server.connect();
        assert_eq!(sends.next(1), "1");
        let mut receives = server.connect();
        assert_eq!(receives.next(1), "2");
        let sent = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..BLOCKS {
                    for piece in block(number).chunks(64 * 1024) {
                        sends.stream.write_all(piece).expect("the server reads");
                        sent.fetch_add(piece.len(), Ordering::Relaxed);
                    }
                }
                sends.hang_up();
            });
            let mut received = vec![0; BLOCK];
            for number in 0..BLOCKS {
                if number % 50 == 1 {
                    until_held_back(&sent);
                }
                receives
                    .stream
                    .read_exact(&mut received)
                    .expect("all is sent");
                assert!(received == block(number), "{model}: block {number}");
            }
            assert_eq!(receives.rest(), b"");
        });
        check_memory(&server, 16 * 1024);
    };
    for model in ["fork", "events"] {
        check(model);
    }
}

/// Waits until whoever sends gets no further, or has sent all.
fn until_held_back(sent: &AtomicUsize) {
    let (mut last, mut looks) = (0, 0);
    until("the sender to be held back", || {
        let now = sent.load(Ordering::Relaxed);
        looks = if now == last { looks + 1 } else { 0 };
        last = now;
        (10_000 < looks || last == BLOCKS * BLOCK).then_some(())
    });
}

/// A MiB that looks like none of the others: the same bytes, from another one on.
fn block(number: usize) -> Vec<u8> {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bytes = vec![0; BLOCK];
        SmallRng::seed_from_u64(1).fill_bytes(&mut bytes);
        bytes
    });
    let mut block = BYTES.clone();
    block.rotate_left(number * 5003);
    block
}

const BLOCK: usize = 1 << 20;
const BLOCKS: usize = 200;
