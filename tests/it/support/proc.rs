//! What the system tells of a process that runs.

use std::fs;
use std::net::SocketAddr;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use crate::support::server::{Server, until};

/// The programs that the log says were started so far, as soon as there are `count` of them.
pub(crate) fn programs(server: &Server, count: usize) -> Vec<Pid> {
    let lines = server.log_times(" program peer=", count);
    lines.iter().map(|line| number(line, "pid=")).collect()
}

/// The number that follows `name` in a line of the log.
pub(crate) fn number(line: &str, name: &str) -> Pid {
    let (_, rest) = line.split_once(name).expect("the line has this field");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    let number = digits.and_then(|digits| digits.parse().ok());
    Pid::from_raw(number.unwrap_or_else(|| panic!("no number: {line}")))
}

/// A field of /proc/PID/status.
pub(crate) fn status(pid: Pid, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.expect("the system tells it").trim().to_owned()
}

/// The numbers of the descriptors that a process holds.
pub(crate) fn descriptors(pid: Pid) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let names = entries.map(|entry| entry.expect("it runs").file_name());
    let mut numbers: Vec<u32> = names
        .map(|name| name.to_string_lossy().parse().expect("a number"))
        .collect();
    numbers.sort_unstable();
    numbers
}

/// A port of this machine that another program is to listen on, and what keeps it from everybody
/// else until then.
pub(crate) fn free_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
    socket.set_reuse_address(true).expect("it is a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).expect("a port is free");
    let address = socket.local_addr().expect("it is bound").as_socket();
    (socket, address.expect("it is an Internet socket"))
}

/// Waits until a process has ended. Whether an orphan was waited for is not the server's affair.
#[track_caller]
pub(crate) fn until_gone(pid: Pid) {
    until("a process to end", || is_gone(pid).then_some(()));
}

pub(crate) fn is_gone(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat"));
    state.map_or(true, |stat| {
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
        rest.is_none_or(|rest| rest.starts_with(['Z', 'X']))
    })
}

/// A process that a test has started by way of a peer, killed when it is dropped.
pub(crate) struct Stray(pub(crate) Pid);

impl Drop for Stray {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGKILL).ok();
    }
}

/// The sockets that a process holds.
pub(crate) fn sockets(pid: Pid) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("it runs")
        .flatten();
    let targets = links.filter_map(|link| fs::read_link(link.path()).ok());
    targets
        .map(|target| target.display().to_string())
        .filter(|target| target.starts_with("socket:"))
        .collect()
}
