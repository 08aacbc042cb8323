//! Files by TFTP, with the clients that people have.

use std::fs;
use std::time::Instant;

use crate::support::files::{content, names};
use crate::support::tftp::{
    ALL, ATFTP, ATFTP_BEST, ATFTP_LARGE, ATFTP_WINDOW, CURL, CURL_LARGE, CURL_OPTIONS, OURS, TFTP,
    TftpClient, TftpSetup, installed_clients,
};
use crate::support::{installed, is_root};

#[test]
fn small_files_are_transferred() {
    let place = TftpSetup::start("--writable", None);
    for client in installed_clients(&ALL) {
        for length in [0, 1, 511, 512, 513, 65_536] {
            let content = content(length);
            place.check_get(client, &content);
            place.check_put(client, &content);
        }
    }
}

/// The numbers of blocks are of 16 bits. In this file the last one, which is empty, has the number 0.
const ROUND: usize = 65_535 * 512;

#[test]
fn block_numbers_wrap_around() {
    let place = TftpSetup::start("--writable", None);
    let content = content(ROUND + 512 + 1);
    for client in installed_clients(&[CURL, TFTP]) {
        place.check_get(client, &content[..ROUND]);
    }
    // The two others do not come to their end with any server: by the number 0 they take their last
    // block for the one before the first.
    for client in installed_clients(&[ATFTP]) {
        place.check_put(client, &content[..ROUND]);
    }
    for client in installed_clients(&[CURL]) {
        place.check_put(client, &content);
    }
}

#[test]
fn large_files_are_transferred_with_windows() {
    let place = TftpSetup::start("--writable", None);
    let content = content(40 << 20);
    for client in installed_clients(&[ATFTP_WINDOW, ATFTP_BEST]) {
        place.check_get(client, &content);
        place.check_put(client, &content);
    }
}

#[test]
#[ignore = "it takes minutes: each length with each client"]
fn every_length_with_every_client() {
    let place = TftpSetup::start("--writable", None);
    let clients = [
        OURS,
        CURL,
        CURL_OPTIONS,
        CURL_LARGE,
        TFTP,
        ATFTP,
        ATFTP_WINDOW,
        ATFTP_LARGE,
        ATFTP_BEST,
    ];
    for client in installed_clients(&clients) {
        for length in [ROUND - 1, ROUND, ROUND + 1, ROUND + 513, 40 << 20] {
            let content = content(length);
            place.check_get(client, &content);
            // See above: the last block must not have the number 0, and for `curl` not 65,535.
            let last_is_0 = (ROUND - 512..ROUND + 512).contains(&length);
            if !last_is_0 || !["curl", "tftp"].contains(&client.program) {
                place.check_put(client, &content);
            }
        }
    }
}

#[test]
fn netascii_translates_line_ends() {
    // The only one of them that translates; what it does not, `curl` calls text as well.
    let translating = TftpClient {
        program: "tftp",
        get: "tftp -m netascii 127.0.0.1 SERVER -c get THERE HERE",
        put: "tftp -m netascii 127.0.0.1 SERVER -c put HERE THERE",
    };
    let place = TftpSetup::start("--writable", None);
    for client in installed_clients(&[translating]) {
        let odd = b"a\n\nb\r\nc\rd\r\r\n\xff\0".to_vec();
        // Every way in which a line end can be cut by the end of a block.
        let long: Vec<u8> = (0..2000)
            .flat_map(|n| format!("{n}\r\n\n\r").into_bytes())
            .collect();
        for text in [b"".to_vec(), odd, long] {
            place.check_get(client, &text);
            place.check_put(client, &text);
        }
    }
}

#[test]
fn errors_reach_the_clients_without_a_timeout() {
    let place = TftpSetup::start("--writable", None);
    let reading = TftpSetup::start("", None);
    for client in installed_clients(&ALL) {
        fs::remove_file(place.here("file")).ok();
        check_refused(&place, client.get, "no-such-file");
        fs::write(place.here("file"), "another").expect("the disk has room");
        fs::write(reading.here("file"), "another").expect("the disk has room");
        fs::write(place.there("taken"), "one").expect("the disk has room");
        check_refused(&place, client.put, "taken");
        check_refused(&reading, client.put, "new");
        assert_eq!(fs::read(place.there("taken")).expect("it is there"), b"one");
        assert_eq!(names(&place.there("")), ["taken"]);
        assert_eq!(names(&reading.there("")), [""; 0]);
    }
}

/// The client says that it did not get what it wants, long before it would have given up.
#[track_caller]
fn check_refused(place: &TftpSetup, words: &str, there: &str) {
    let output = place.run(words, there, "file");
    let said = String::from_utf8_lossy(&output.stdout);
    // The status of `tftp` does not tell.
    assert!(
        !output.status.success() || said.starts_with("Error code "),
        "{words}: {output:?}"
    );
    assert!(!said.contains("timed out"), "{words}: {output:?}");
    assert_ne!(output.status.code(), Some(124), "{words}: it was not told");
}

/// Clients get and put files of these lengths, while of a hundred datagrams in each direction
/// `percent` are lost.
fn with_losses(percent: u32, gets: &[(TftpClient, usize)], puts: &[(TftpClient, usize)]) {
    if !is_root() || !installed(&["unshare", "nsenter", "ip", "nft"]) {
        return;
    }
    let place = TftpSetup::start("--writable", Some(percent));
    for (client, length) in gets
        .iter()
        .filter(|(client, _)| installed(&[client.program]))
    {
        place.check_get(*client, &content(*length));
    }
    for (client, length) in puts
        .iter()
        .filter(|(client, _)| installed(&[client.program]))
    {
        place.check_put(*client, &content(*length));
    }
}

/// `curl` is not told to put anything: it says nothing again, so it would wait for ever where the last
/// acknowledgement is lost; and where its options are acknowledged twice, it leaves out a block.
/// `tftp` waits for five seconds whenever a block is lost.
#[test]
fn files_arrive_with_5_percent_loss() {
    let gets = [CURL, TFTP, ATFTP, ATFTP_BEST].map(|client| (client, 64 << 10));
    let puts = [(TFTP, 2 << 10), (ATFTP, 64 << 10), (ATFTP_BEST, 64 << 10)];
    with_losses(5, &gets, &puts);
    with_losses(5, &[(OURS, 4 << 20)], &[(OURS, 4 << 20)]);
}

#[test]
fn files_arrive_with_10_and_20_percent_loss() {
    with_losses(20, &[(ATFTP, 16 << 10)], &[]);
    // One request of 250 is in vain at 20, where six are lost, or their answers.
    with_losses(10, &[(OURS, 1 << 20)], &[(OURS, 1 << 20)]);
}

#[test]
#[ignore = "it takes minutes: the clients wait for seconds when something is lost"]
fn larger_files_arrive_with_losses() {
    let of = |clients: &[TftpClient], length| -> Vec<_> {
        let with_length = |&client| (client, length);
        clients.iter().map(with_length).collect()
    };
    let curl = [CURL, CURL_OPTIONS, CURL_LARGE];
    let atftp = [ATFTP, ATFTP_WINDOW, ATFTP_LARGE, ATFTP_BEST];
    for percent in [5, 20] {
        let start = Instant::now();
        let gets = [&curl[..], &atftp, &[TFTP]].concat();
        with_losses(percent, &of(&gets, 64 << 10), &of(&atftp, 64 << 10));
        with_losses(percent, &[], &of(&[TFTP], 16 << 10));
        eprintln!("64 KiB, {percent} % lost: {:?}", start.elapsed());
        // atftp stands still for five seconds whenever two of its answers are lost.
        let few = if percent == 5 { 4 << 20 } else { 256 << 10 };
        for (client, length) in [(ATFTP_BEST, few), (OURS, 4 << 20)] {
            let start = Instant::now();
            with_losses(percent, &[(client, length)], &[(client, length)]);
            let program = client.program;
            let took = start.elapsed();
            eprintln!("{length} bytes there and back, {percent} % lost, {program}: {took:?}");
        }
    }
}
