//! The `forward` service with far more data than fits in memory.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;
use std::sync::{LazyLock, mpsc};
use std::thread;

use nix::unistd::gettid;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::support::{Server, threads_of, wait_until_idle};

#[test]
fn a_slow_receiver_gets_all_data_while_memory_stays_bounded() {
    for model in ["fork", "events"] {
        let server = Server::start(&format!("forward --model {model}"));
        let mut sender = server.connect();
        assert_eq!(sender.text(1), "1");
        let mut receiver = server.connect();
        assert_eq!(receiver.text(1), "2");
        let (thread_id, sending) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread_id.send(gettid()).expect("the test waits for it");
                for number in 0..BLOCKS {
                    sender
                        .stream
                        .write_all(&block(number))
                        .expect("the server reads");
                }
                sender.shutdown_write();
            });
            let sending = sending.recv().expect("the thread starts");
            let sending = PathBuf::from(format!("/proc/self/task/{sending}"));
            let mut received = vec![0; BLOCK];
            for number in 0..BLOCKS {
                if number % 50 == 1 {
                    // Nothing moves any more until the receiver reads on.
                    wait_until_idle("the sender to be blocked", || {
                        let mut threads = server.threads();
                        threads.extend(sending.exists().then(|| sending.clone()));
                        threads
                    });
                }
                receiver
                    .stream
                    .read_exact(&mut received)
                    .expect("the server sends all");
                assert!(received == block(number), "{model}: block {number}");
            }
            assert_eq!(receiver.rest(), b"");
        });
        server.check_memory(16 * 1024);
    }
}

/// A stream that is cut off must not look complete: the receiver sees a reset. The blocked sender
/// is not idle.
#[test]
fn a_receiver_that_stops_reading_is_reset_and_the_sender_is_notified() {
    for model in ["fork", "events"] {
        let options = format!("forward --no-role --idle-timeout 1s --grace 1s --model {model}");
        let server = Server::start(&options);
        let mut sender = server.connect();
        let receiver = server.connect();
        let peer = receiver.address();
        server.log(&format!("accept peer={peer}"));
        let mut stream = sender.stream.try_clone().expect("a socket can be cloned");
        let sending = thread::spawn(move || {
            // It fails when the connection is shut down below.
            (0..BLOCKS).try_for_each(|number| stream.write_all(&block(number)))
        });
        let end = server.log("end: idle timeout");
        assert!(end.contains(&format!("peer={peer}")), "{end}");
        let notice = sender.line();
        assert!(notice.starts_with("No receiver is connected"), "{notice}");
        let end = (&receiver.stream).read_to_end(&mut Vec::new());
        let kind = end.map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::ConnectionReset), "{model}");
        let shut_down = sender.stream.shutdown(Shutdown::Both);
        shut_down.expect("the socket is connected");
        drop(sending.join().expect("the thread does not panic"));
    }
}

/// Backpressure must leave nothing behind that keeps the hub busy.
#[test]
fn the_hub_is_idle_while_the_receiver_is_slow_and_after_all_has_arrived() {
    let server = Server::start("forward --no-role");
    let sender = server.connect();
    let mut receiver = server.connect();
    let hub = server.hub(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sent = (&sender.stream).write_all(&vec![0; 32 * BLOCK]);
            sent.expect("the server reads");
        });
        wait_until_idle("the hub to wait for the receiver", || threads_of(hub));
        let mut received = vec![0; 32 * BLOCK];
        let all = receiver.stream.read_exact(&mut received);
        all.expect("the server sends all");
    });
    wait_until_idle("the hub to wait for the sender", || threads_of(hub));
}

/// A block that differs from all others: the same bytes, rotated.
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
