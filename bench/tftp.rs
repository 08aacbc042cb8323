//! Throughput of TFTP: several servers, each with suitable clients.
//!
//! One client gets the file from a fresh server and discards it. The time includes the start of the
//! client, some milliseconds. A client may request an option, such as windowsize, that the server
//! does not support. Servers that are not installed can be unpacked to another folder:
//!
//! `PATH=$PATH:.../usr/sbin target/release/tftp [MEBIBYTES [ROUNDS]]`
//!
//! This measures over loopback. To measure over a veth pair between two network namespaces, as root:
//!
//! `bench/veth.sh target/release/tftp [MEBIBYTES [ROUNDS]]`

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use switchboard_bench::{Column, Contender, Server, numbers, run_rounds};
use tempfile::tempdir;

fn main() -> io::Result<()> {
    let [mebibytes, rounds] = numbers([64, 7])?;
    let host = Host::from_environment();
    let folder = tempdir()?;
    // Random content, so that swapped blocks are noticed.
    let mut content = File::open("/dev/urandom")?.take(mebibytes << 20);
    io::copy(&mut content, &mut File::create(folder.path().join("file"))?)?;
    println!(
        "a file of {mebibytes} MiB, {rounds} rounds, at {}",
        host.host
    );
    let (servers, clients): (Vec<_>, Vec<_>) = host.pairs(folder.path())?.into_iter().unzip();
    let names: Vec<_> = servers.iter().map(|server| server.name.clone()).collect();
    let columns = [("MiB/s", 0)].map(|(head, digits)| Column { head, digits });
    run_rounds(servers, rounds, columns, |server| {
        let place_in_list = names.iter().position(|name| *name == server.name);
        let client = &clients[place_in_list.expect("they are the same servers")];
        let time = host.measure(server, client)?;
        Ok([mebibytes as f64 / time.as_secs_f64()])
    });
    Ok(())
}

/// The address of the servers.
struct Host {
    host: String,
    network: Option<String>, // the network namespace, if it is another one
}

impl Host {
    fn from_environment() -> Self {
        Self {
            host: env::var("SERVER_HOST").unwrap_or_else(|_| "127.0.0.1".to_owned()),
            network: env::var("SERVER_NETNS").ok(),
        }
    }

    /// The servers, and the client command for each.
    fn pairs(&self, folder: &Path) -> io::Result<Vec<(Contender, Vec<String>)>> {
        let beside = env::current_exe()?.with_file_name("switchboard");
        let (program, folder) = (beside.to_string_lossy(), folder.to_string_lossy());
        let listen = format!("udp://{}:PORT", self.host);
        let ours = [&*program, "-q", "serve", "files", &folder];
        let ours = [&ours[..], &["--listen", &listen]].concat();
        let at = format!("{}:PORT", self.host);
        let hpa = ["in.tftpd", "-L", "-u", "root", "-s", "-a", &at, &folder];
        let atftpd = ["atftpd", "--daemon", "--no-fork", "--user", "root"];
        let to = ["--bind-address", &self.host, "--port", "PORT", &folder];
        let atftpd = [&atftpd[..], &to].concat();

        let own = format!("{program} -q get -u HOST:PORT file -o -");
        let curl = "curl -sS --tftp-blksize 1428 -o /dev/null tftp://HOST:PORT/file".to_owned();
        let atftp = |options: &[&str]| {
            let options = options.iter().flat_map(|option| ["--option", option]);
            let arguments = ["-g", "-r", "file", "-l", "/dev/null", "HOST", "PORT"];
            let arguments = ["atftp"].into_iter().chain(options).chain(arguments);
            arguments.map(str::to_owned).collect::<Vec<_>>()
        };
        let arguments = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let window = ["blksize 1428", "windowsize 16"];
        Ok([
            ("ours, our client", &ours, arguments(own.clone())),
            ("ours, atftp 1428 x 16", &ours, atftp(&window)),
            ("ours, atftp 1428", &ours, atftp(&window[..1])),
            ("ours, curl 1428", &ours, arguments(curl.clone())),
            ("hpa, our client", &hpa.to_vec(), arguments(own)),
            ("hpa, atftp 65464", &hpa.to_vec(), atftp(&["blksize 65464"])),
            (BASELINE, &hpa.to_vec(), atftp(&window[..1])),
            ("hpa, curl 1428", &hpa.to_vec(), arguments(curl)),
            ("atftpd, atftp 1428 x 16", &atftpd, atftp(&window)),
        ]
        .into_iter()
        .map(|(name, server, client)| {
            let server = self.contender(name, server);
            (server.with_baseline(BASELINE), client)
        })
        .collect())
    }

    fn contender(&self, name: &str, arguments: &[&str]) -> Contender {
        match &self.network {
            None => Contender::new(name, arguments[0], &arguments[1..]),
            Some(network) => {
                let inside = [&["netns", "exec", network], arguments].concat();
                Contender::new(name, "ip", &inside)
            }
        }
    }

    /// The run time of the client.
    fn measure(&self, server: &Contender, client: &[String]) -> io::Result<Duration> {
        let port = UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let ip = self.host.parse().map_err(io::Error::other)?;
        let mut server = server.spawn(SocketAddr::new(ip, port))?;
        server.wait_until(responds)?;
        let arguments = client.iter().map(|word| {
            let word = word.replace("HOST", &self.host);
            word.replace("PORT", &port.to_string())
        });
        let arguments: Vec<_> = arguments.collect();
        let start = Instant::now();
        let status = Command::new(&arguments[0])
            .args(&arguments[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(server.explain(io::Error::other(format!("{}: {status}", arguments[0]))));
        }
        Ok(start.elapsed())
    }
}

/// Whether the server answers a request for a missing file.
fn responds(server: &Server) -> io::Result<Option<()>> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    socket.send_to(b"\0\x01no-such-file\0octet\0", server.address)?;
    Ok(socket.recv_from(&mut [0; 600]).is_ok().then_some(()))
}

/// The most common case: no windows, and blocks that fit in an Ethernet frame.
const BASELINE: &str = "hpa, atftp 1428";
