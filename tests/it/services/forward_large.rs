//! Far more than any memory holds goes from one client to another, through the whole program.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::unistd::Pid;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::support::scene::{check_memory, hub};
use crate::support::server::{Server, until};

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

/// What is cut off must not look whole; and who is held back is not silent.
#[test]
fn who_receives_nothing_for_too_long_is_broken_off_and_the_sender_told() {
    for model in ["fork", "events"] {
        let words = format!("forward --no-role --idle 1s --grace 1s --model {model}");
        let server = Server::start(&words);
        let mut sends = server.connect();
        let receives = server.connect();
        let own = receives.stream.local_addr().expect("it stands");
        server.log(&format!("accept peer={own}"));
        let mut sender = sends.stream.try_clone().expect("a socket can be cloned");
        let sending = thread::spawn(move || {
            // It ends with an error, when the connection is closed in the end.
            (0..BLOCKS).try_for_each(|number| sender.write_all(&block(number)))
        });
        let end = server.log("end: idle for too long");
        assert!(end.contains(&format!("peer={own}")), "{end}");
        let told = sends.line();
        assert!(told.starts_with("Nobody receives any more"), "{told}");
        let mut received = Vec::new();
        let error = (&receives.stream).read_to_end(&mut received);
        let kind = error.map_err(|error| error.kind());
        assert_eq!(kind, Err(std::io::ErrorKind::ConnectionReset), "{model}");
        sends.stream.shutdown(Shutdown::Both).expect("it stands");
        drop(sending.join().expect("it does not panic"));
    }
}

/// That somebody was held back once is nothing that keeps the hub busy.
#[test]
fn the_hub_rests_when_all_has_arrived() {
    let server = Server::start("forward --no-role");
    let sends = server.connect();
    let mut receives = server.connect();
    let hub = hub(&server, 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sent = (&sends.stream).write_all(&vec![0; 32 * BLOCK]);
            sent.expect("the server reads");
        });
        until_at_rest(&server, hub); // for the receiver takes nothing
        let mut received = vec![0; 32 * BLOCK];
        let all = receives.stream.read_exact(&mut received);
        all.expect("all is sent");
    });
    until_at_rest(&server, hub);
}

/// Waits until a process of the server is seen asleep many times without a break.
fn until_at_rest(server: &Server, process: Pid) {
    let mut looks = 0;
    server.children_until("the process to rest", |children| {
        let is_asleep = children.contains(&(process, 'S'));
        looks = if is_asleep { looks + 1 } else { 0 };
        looks == 1000
    });
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
