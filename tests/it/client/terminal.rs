//! `connect` on a terminal.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use nix::sys::signal::Signal;

use crate::support::{DEADLINE, Pty};

/// The program on a terminal, connected to the test.
struct Scene {
    pty: Pty,
    peer: TcpStream,
}

impl Scene {
    fn new(options: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let pty = Pty::start(&[&["connect", &address], options].concat());
        let (peer, _) = listener.accept().expect("it connects");
        peer.set_read_timeout(Some(DEADLINE)).expect("not zero");
        Self { pty, peer }
    }

    /// With the prompt.
    fn ready() -> Self {
        let mut scene = Self::new(&[]);
        scene.pty.wait_for("> ");
        scene
    }

    fn send(&mut self, bytes: &[u8]) {
        self.peer.write_all(bytes).expect("the program reads");
    }

    #[track_caller]
    fn expect(&mut self, bytes: &[u8]) {
        let mut received = vec![0; bytes.len()];
        self.peer.read_exact(&mut received).expect("it sends all");
        assert!(received == bytes, "{}", String::from_utf8_lossy(&received));
    }

    /// It exits with this code, and the terminal is as before.
    #[track_caller]
    fn ends(&mut self, code: i32) {
        assert_eq!(self.pty.wait().code(), Some(code), "{}", self.pty.text());
        assert_eq!(self.pty.mode(), self.pty.original_mode);
    }
}

#[test]
fn lines_appear_above_the_line_that_is_typed() {
    let mut scene = Scene::ready();
    scene.pty.keys(b"half a ");
    scene.pty.wait_for("half a ");
    scene.send(b"first\r\nsecond\n");
    scene
        .pty
        .wait_for("\r\x1b[Kfirst\r\nsecond\r\n\r\x1b[K> half a ");
    scene.pty.keys(b"line\r");
    scene.expect(b"half a line\n");
    scene.pty.wait_for("\r\x1b[K> half a line\r\n");
    scene.send(b"login: ");
    scene.pty.wait_for("login: \r\n");
    scene.pty.keys(b"\x1b[A!\r");
    scene.expect(b"half a line!\n");
}

#[test]
fn signals_and_the_peer_end_it_and_restore_the_terminal() {
    let mut scene = Scene::ready();
    scene.pty.keys(b"typed\x03");
    scene.ends(130);

    let mut scene = Scene::ready();
    scene.pty.process.signal(Signal::SIGTERM);
    scene.ends(143);

    let mut scene = Scene::ready();
    scene.pty.keys(b"typed");
    scene.pty.wait_for("typed");
    scene.send(b"Goodbye\nand more");
    drop(scene.peer.shutdown(Shutdown::Both));
    scene.ends(0);
    assert!(scene.pty.text().contains("Goodbye\r\n"));
    assert!(scene.pty.text().contains("and more\r\n"));
    assert!(scene.pty.text().ends_with('\n'), "{:?}", scene.pty.text());
}

#[test]
fn after_the_end_of_input_answers_are_printed() {
    let mut scene = Scene::ready();
    scene.pty.keys(b"ask\r\x04");
    let mut request = String::new();
    let read = scene.peer.read_to_string(&mut request);
    assert_eq!((read.ok(), &*request), (Some(4), "ask\n"));
    scene.send(b"answer\n");
    scene.pty.wait_for("answer\r\n");
    scene.peer.shutdown(Shutdown::Both).expect("it is open");
    scene.ends(0);
}

#[test]
fn a_large_paste_arrives_whole() {
    let mut scene = Scene::ready();
    let long = "x".repeat(20_000) + "\r";
    let lines: String = (0..500)
        .map(|n| format!("line {n}\twith a tab\r"))
        .collect();
    scene.pty.keys(long.as_bytes());
    scene.pty.keys(lines.as_bytes());
    scene.expect((long + &lines).replace('\r', "\n").as_bytes());
}

#[test]
fn a_hostile_server_controls_nothing() {
    let hostile =
        "a\x1b[2Jb\x1b]0;title\x07c\x1b]52;c;aGk=\x07d\x1bPq\x1b\\e\u{9b}5mf\u{202e}g\rh\x08i";
    let mut scene = Scene::ready();
    scene.send(hostile.as_bytes());
    scene.send(b"\x9b6m\x00end\n");
    scene.pty.wait_for("end\r\n");
    let text = scene.pty.text();
    assert!(
        text.contains(
            r"a\x1b[2Jb\x1b]0;title\x07c\x1b]52;c;aGk=\x07d\x1bPq\x1b\e\u{9b}5mf\u{202e}g\rh\x08i\x9b6m\x00end"
        ),
        "{text:?}"
    );
    let bytes = &scene.pty.output;
    let allowed = text.replace("\x1b[K", "").replace("\x1b[2C", "");
    assert!(
        !allowed.contains('\x1b') && !bytes.contains(&7) && !bytes.contains(&0x9b),
        "{text:?}"
    );

    let mut raw = Scene::new(&["--raw"]);
    raw.send(b"\x1b[31mred\n");
    raw.pty.wait_for("\x1b[31mred");
}
