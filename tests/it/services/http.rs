//! HTTP clients: a web page can make the browser of a visitor send requests to any port.

use std::fs;

use crate::support::{MODELS, Server, installed, shell, temp_dir};

#[test]
fn a_web_page_cannot_write_a_file() {
    if !installed(&["curl"]) {
        return;
    }
    let folder = temp_dir();
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    for model in MODELS {
        let path = folder.path().display();
        let server = Server::start(&format!("files {path} --writable --model {model}"));
        let body = format!("PUT pwned.txt 5 {sha256}\r\nhello\r\n");
        let post = format!(
            "curl -s --http0.9 --data-binary @- http://127.0.0.1:{}/",
            server.port()
        );
        let answer = shell(&post, body.as_bytes());
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.contains("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        server.log("WARN end: HTTP request to a service of lines");
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
    }
}

#[test]
fn a_web_page_cannot_speak_in_a_chat() {
    if !installed(&["curl"]) {
        return;
    }
    let server = Server::start("chat");
    let mut alice = server.connect();
    alice.send("alice\n");
    while !alice.line().contains("as alice") {}
    let post = "curl -s --http0.9 --data-binary @- http://127.0.0.1";
    let answer = shell(&format!("{post}:{}/", server.port()), b"eve\r\nhello\r\n");
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(
        answer.ends_with("\r\n\r\nThis is not a web server.\r\n"),
        "{answer}"
    );
    let mut bob = server.connect();
    bob.send("bob\n");
    assert_eq!(alice.line(), "-- bob is here.");
}

#[test]
fn services_that_want_http_lines_get_them() {
    if !installed(&["curl"]) {
        return;
    }
    let server = Server::start("uppercase");
    let get = "curl -s --http0.9 --max-time 1 http://127.0.0.1";
    let answer = shell(&format!("{get}:{}/hello", server.port()), b"");
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(answer.starts_with("GET /HELLO HTTP/1.1\r\n"), "{answer}");
    let server = Server::start("display");
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    server.connect().send(request);
    let lines = server.output_lines(3);
    assert!(lines[0].ends_with(": GET / HTTP/1.1"), "{lines:?}");
    assert!(lines[2].ends_with(": "), "{lines:?}");
}
