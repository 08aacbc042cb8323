//! TFTP with the clients of other projects, and through lossy networks.

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
    let setup = TftpSetup::start("--writable", None);
    for client in installed_clients(&ALL) {
        for length in [0, 1, 511, 512, 513, 65_536] {
            let content = content(length);
            setup.check_get(client, &content);
            setup.check_put(client, &content);
        }
    }
}

/// Block numbers have 16 bits. The last block of a file of this size, which is empty, has the number 0.
const WRAP_LENGTH: usize = 65_535 * 512;

#[test]
fn block_numbers_wrap_around() {
    let setup = TftpSetup::start("--writable", None);
    let content = content(WRAP_LENGTH + 512 + 1);
    for client in installed_clients(&[CURL, TFTP]) {
        setup.check_get(client, &content[..WRAP_LENGTH]);
    }
    // curl and tftp-hpa never complete such an upload, with any server: they take the acknowledgement of
    // block 0 for that of the request.
    for client in installed_clients(&[ATFTP]) {
        setup.check_put(client, &content[..WRAP_LENGTH]);
    }
    for client in installed_clients(&[CURL]) {
        setup.check_put(client, &content);
    }
}

#[test]
fn large_files_are_transferred_with_windows() {
    let setup = TftpSetup::start("--writable", None);
    let content = content(40 << 20);
    for client in installed_clients(&[ATFTP_WINDOW, ATFTP_BEST]) {
        setup.check_get(client, &content);
        setup.check_put(client, &content);
    }
}

#[test]
#[ignore = "takes minutes: each length with each client"]
fn every_length_with_every_client() {
    let setup = TftpSetup::start("--writable", None);
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
        for length in [
            WRAP_LENGTH - 1,
            WRAP_LENGTH,
            WRAP_LENGTH + 1,
            WRAP_LENGTH + 513,
            40 << 20,
        ] {
            let content = content(length);
            setup.check_get(client, &content);
            // See `block_numbers_wrap_around`. curl fails when the last block is 65,535, too.
            let last_is_0 = (WRAP_LENGTH - 512..WRAP_LENGTH + 512).contains(&length);
            if !last_is_0 || !["curl", "tftp"].contains(&client.program) {
                setup.check_put(client, &content);
            }
        }
    }
}

#[test]
fn netascii_translates_line_ends() {
    // Only tftp-hpa's client translates line ends; curl sends netascii requests without a translation.
    let netascii = TftpClient {
        program: "tftp",
        get: "tftp -m netascii 127.0.0.1 SERVER -c get THERE HERE",
        put: "tftp -m netascii 127.0.0.1 SERVER -c put HERE THERE",
    };
    let setup = TftpSetup::start("--writable", None);
    for client in installed_clients(&[netascii]) {
        let odd = b"a\n\nb\r\nc\rd\r\r\n\xff\0".to_vec();
        // The line ends lie across block boundaries in every way.
        let long: Vec<u8> = (0..2000)
            .flat_map(|n| format!("{n}\r\n\n\r").into_bytes())
            .collect();
        for text in [b"".to_vec(), odd, long] {
            setup.check_get(client, &text);
            setup.check_put(client, &text);
        }
    }
}

#[test]
fn errors_reach_the_clients_without_a_timeout() {
    let setup = TftpSetup::start("--writable", None);
    let read_only = TftpSetup::start("", None);
    for client in installed_clients(&ALL) {
        fs::remove_file(setup.here("file")).ok();
        check_refused(&setup, client.get, "no-such-file");
        fs::write(setup.here("file"), "another").expect("the disk has room");
        fs::write(read_only.here("file"), "another").expect("the disk has room");
        fs::write(setup.there("taken"), "one").expect("the disk has room");
        check_refused(&setup, client.put, "taken");
        check_refused(&read_only, client.put, "new");
        assert_eq!(fs::read(setup.there("taken")).expect("it is there"), b"one");
        assert_eq!(names(&setup.there("")), ["taken"]);
        assert_eq!(names(&read_only.there("")), [""; 0]);
    }
}

/// The client reports an error before its timeout.
#[track_caller]
fn check_refused(setup: &TftpSetup, command: &str, there: &str) {
    let output = setup.run(command, there, "file");
    let stdout = String::from_utf8_lossy(&output.stdout);
    // tftp-hpa exits with 0 in any case.
    assert!(
        !output.status.success() || stdout.starts_with("Error code "),
        "{command}: {output:?}"
    );
    assert!(!stdout.contains("timed out"), "{command}: {output:?}");
    assert_ne!(
        output.status.code(),
        Some(124),
        "{command}: it got no error"
    );
}

/// Clients get and put files of these lengths while `percent` of the datagrams in each direction are
/// lost.
fn check_with_loss(percent: u32, gets: &[(TftpClient, usize)], puts: &[(TftpClient, usize)]) {
    if !is_root() || !installed(&["unshare", "nsenter", "ip", "nft"]) {
        return;
    }
    let setup = TftpSetup::start("--writable", Some(percent));
    for (client, length) in gets
        .iter()
        .filter(|(client, _)| installed(&[client.program]))
    {
        setup.check_get(*client, &content(*length));
    }
    for (client, length) in puts
        .iter()
        .filter(|(client, _)| installed(&[client.program]))
    {
        setup.check_put(*client, &content(*length));
    }
}

/// curl does not put anything here: it retransmits nothing, so it waits forever when the last
/// acknowledgement is lost, and it skips a block when its options are acknowledged twice. Without
/// options, it waits for 72 seconds when its first acknowledgement is lost; with them, the server waits
/// for the six seconds that it requests when a block is lost. tftp-hpa waits for five.
#[test]
fn files_arrive_with_5_percent_loss() {
    let gets = [TFTP, ATFTP, ATFTP_BEST].map(|client| (client, 64 << 10));
    check_with_loss(5, &[(CURL_OPTIONS, 8 << 10)], &[]);
    let puts = [(TFTP, 2 << 10), (ATFTP, 64 << 10), (ATFTP_BEST, 64 << 10)];
    check_with_loss(5, &gets, &puts);
    check_with_loss(5, &[(OURS, 4 << 20)], &[(OURS, 4 << 20)]);
}

#[test]
fn files_arrive_with_10_and_20_percent_loss() {
    check_with_loss(20, &[(ATFTP, 16 << 10)], &[]);
    // With 20 % loss, one request of 250 fails: six datagrams in a row, or their answers, are lost.
    check_with_loss(10, &[(OURS, 1 << 20)], &[(OURS, 1 << 20)]);
}

#[test]
#[ignore = "takes minutes: the clients wait for seconds after a loss"]
fn larger_files_arrive_check_with_loss() {
    let of = |clients: &[TftpClient], length| -> Vec<_> {
        let with_length = |&client| (client, length);
        clients.iter().map(with_length).collect()
    };
    let curl = [CURL_OPTIONS, CURL_LARGE];
    let atftp = [ATFTP, ATFTP_WINDOW, ATFTP_LARGE, ATFTP_BEST];
    for percent in [5, 20] {
        let start = Instant::now();
        let gets = [&curl[..], &atftp, &[TFTP]].concat();
        check_with_loss(percent, &of(&gets, 64 << 10), &of(&atftp, 64 << 10));
        check_with_loss(percent, &[], &of(&[TFTP], 16 << 10));
        eprintln!("64 KiB, {percent} % lost: {:?}", start.elapsed());
        // atftp waits for five seconds when two of its answers are lost.
        let length = if percent == 5 { 4 << 20 } else { 256 << 10 };
        for (client, length) in [(ATFTP_BEST, length), (OURS, 4 << 20)] {
            let start = Instant::now();
            check_with_loss(percent, &[(client, length)], &[(client, length)]);
            let program = client.program;
            let took = start.elapsed();
            eprintln!("{length} bytes there and back, {percent} % lost, {program}: {took:?}");
        }
    }
}
