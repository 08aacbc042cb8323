//! Networks of two machines: two network namespaces with a link between them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::unistd::Pid;

use super::proc::Process;
use super::server::{Server, program};
use super::shell::{installed, is_root, shell};
use super::udp::UdpClient;

/// A machine that has all addresses of 10.1.0.0/16, as a forger has, and a link to a server.
pub(crate) struct Lan {
    clients: Process, // holds their namespace
}

impl Lan {
    /// `None` if the test cannot set it up.
    #[track_caller]
    pub(crate) fn new() -> Option<Self> {
        if !is_root() || !installed(&["unshare", "nsenter", "ip"]) {
            return None;
        }
        let script = "ip link set lo up && ip route add local 10.1.0.0/16 dev lo && \
                      echo ready && exec sleep 100000";
        let mut command = Command::new("unshare");
        command.args(["-n", "sh", "-c", script]);
        let mut clients = Process::start(command.stdout(Stdio::piped()));
        let stdout = clients.take_stdout().expect("stdout is a pipe");
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        assert_eq!(read.map(|_| line).expect("it prints a line"), "ready\n");
        Some(Self { clients })
    }

    /// Starts `switchboard -v serve ARGS` on a UDP port of 10.9.0.1.
    #[track_caller]
    pub(crate) fn start_udp(&self, args: &str) -> Server {
        let args = format!("{args} --listen udp://10.9.0.1:0");
        self.run(
            Command::new(program())
                .args(["-v", "serve"])
                .args(args.split_whitespace()),
        )
    }

    /// Runs this server on its machine, which has the address 10.9.0.1. To be called once.
    #[track_caller]
    pub(crate) fn run(&self, server: &Command) -> Server {
        let clients = self.clients.pid();
        let script = format!(
            "ip link set lo up && \
             ip link add server type veth peer name client netns {clients} && \
             ip addr add 10.9.0.1/24 dev server && \
             ip addr add fd09::1/64 dev server nodad && \
             ip link set server up && \
             nsenter -n -t {clients} ip addr add 10.9.0.2/24 dev client && \
             nsenter -n -t {clients} ip link set client up && \
             ip route add 10.1.0.0/16 via 10.9.0.2 && \
             exec \"$0\" \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["-n", "bash", "-c", &script]);
        Server::run(command.arg(server.get_program()).args(server.get_args()))
    }

    /// A client of the server, with this address of its own.
    #[track_caller]
    pub(crate) fn connect(&self, own: &str, server: &Server) -> UdpClient {
        let port = server.udp_address().port();
        self.enter(|| UdpClient::connect_from(own, "10.9.0.1", port))
    }

    /// Runs `task` on the machine of the clients.
    pub(crate) fn enter<T: Send>(&self, task: impl FnOnce() -> T + Send) -> T {
        enter_network(self.clients.pid(), task)
    }
}

/// Runs a script of bash on one of two machines, in a temporary folder, and returns its output, both
/// standard output and standard error. `None` if the test cannot set it up.
///
/// The machine of the script has the addresses 10.9.0.8, 10.9.0.20 and fd09::8. The other one, where
/// `there COMMAND` runs a command, has 10.9.0.10, 10.9.0.12, fd09::10 and fd09::12. Packets to 10.9.0.9,
/// 10.9.0.99 and fd09::9 are lost. `server ARGS` starts a server on the other machine, with its log in
/// the file `log`, and sets `port`. `hosts` and `resolv.conf` in the folder are those in /etc.
///
/// Within a family, getaddrinfo returns addresses that the hosts file has in ascending order in that
/// order.
#[track_caller]
pub(crate) fn on_two_machines(script: &str) -> Option<String> {
    if !is_root() || !installed(&["unshare", "nsenter", "ip", "mount"]) {
        return None;
    }
    let script = format!(
        r#"
        server() {{
            : > log
            # Not by `there`: the job would be a shell, and the server outlive it.
            nsenter --target "$other" --net "$PROGRAM" -v serve "$@" > /dev/null 2> log &
            until grep -q 'listens on' log; do sleep 0.02; done
            port=$(sed -n 's/.*listens on [^;]*:\([0-9]*\).*/\1/p' log)
        }}
        touch hosts resolv.conf log
        mount --bind hosts /etc/hosts
        mount --bind resolv.conf /etc/resolv.conf
        ip link add name here type veth peer name there netns $other
        for address in 10.9.0.8/24 10.9.0.20/24; do ip address add $address dev here; done
        ip address add fd09::8/64 dev here nodad
        for address in 10.9.0.10/24 10.9.0.12/24; do there ip address add $address dev there; done
        for address in fd09::10/64 fd09::12/64; do there ip address add $address dev there nodad; done
        ip link set lo up
        ip link set here up
        there ip link set lo up
        there ip link set there up
        for address in 10.9.0.9 10.9.0.99 fd09::9; do
            ip neighbour add $address lladdr 02:00:00:00:00:09 dev here
        done
        exec 2>&1
        {script}"#
    );
    Some(with_another_machine(&script))
}

/// Runs a script of bash in a network namespace and a temporary folder, and returns its standard
/// output. `there COMMAND` runs a command in a second network namespace, that of the process `$other`.
/// All processes end with the script.
#[track_caller]
pub(crate) fn with_another_machine(script: &str) -> String {
    let script = format!(
        r#"
        set -e
        cd "$(mktemp -d)"
        trap 'kill $(jobs -p) 2> /dev/null; rm -r "$PWD"' EXIT
        there() {{ nsenter --target "$other" --net "$@"; }}
        unshare --net sleep 600 &
        other=$!
        until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
            sleep 0.02
        done
        {script}"#
    );
    let script = script.replace('\'', r"'\''");
    let output = shell(&format!("{MACHINE} bash -c '{script}'"), b"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{output:?}");
    text
}

/// When it ends, so do all processes in it.
const MACHINE: &str = "unshare --net --pid --fork --kill-child --mount-proc";

/// Runs `task` in the network namespace of a process.
pub(crate) fn enter_network<T: Send>(pid: Pid, task: impl FnOnce() -> T + Send) -> T {
    let in_namespace = || {
        let namespace = File::open(format!("/proc/{pid}/ns/net")).expect("the process runs");
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may enter it");
        task()
    };
    // Only the namespace of this thread changes.
    let joined = thread::scope(|scope| scope.spawn(in_namespace).join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
