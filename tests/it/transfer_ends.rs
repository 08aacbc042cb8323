//! How `get`, `put` and `list` end where something goes wrong, and what they tell then.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use nix::fcntl::{OFlag, open};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{DEADLINE, Process};
use crate::transfer::{client, half, place};

/// However long nobody reads what was got.
#[test]
fn a_signal_ends_what_writes_to_a_pipe() {
    const CONTENT: &[u8] = &[b'x'; 1024 * 1024];
    let here = place();
    let pipe = here.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe can be made");
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
    let _reader = open(&pipe, flags, Mode::empty()).expect("a pipe can be read");
    let (address, told) = half(CONTENT, CONTENT.len());
    let get = ["get", &address.to_string(), "a", "-o", "pipe"];
    let mut process = Process::start(client(here.path(), &get).stderr(Stdio::null()));
    let _peer = told.recv_timeout(DEADLINE).expect("it asks");
    process.signal(Signal::SIGINT);
    assert_eq!(process.wait().signal(), Some(Signal::SIGINT as i32));
}
