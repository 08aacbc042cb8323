//! The servers of each benchmark: the built program, others that may be installed on this machine,
//! and minimal servers in C as baselines.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use crate::Contender;

/// TCP echo servers that accept some thousand clients.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn tcp_echo_servers() -> io::Result<Vec<Contender>> {
    let listen = "127.0.0.1:PORT";
    Ok(vec![
        echo("fork", listen, &["--max-clients", ROOM])?
            .forking()
            .with_baseline(FORK),
        // It blocks in read() like the forking server, and has no baseline of its own.
        echo("threads", listen, &["--max-clients", ROOM])?.with_baseline(FORK),
        echo("events", listen, &["--max-clients", ROOM])?.with_baseline(EPOLL),
        Contender::new(
            "tcpserver -HRl0 cat",
            "tcpserver",
            &["-HRl0", "-c", ROOM, "127.0.0.1", "PORT", "cat"],
        )
        .forking(),
        baseline(FORK, "fork.c")?.forking(),
        baseline(EPOLL, "epoll.c")?,
    ])
}

/// UDP echo servers.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn udp_echo_servers() -> io::Result<Vec<Contender>> {
    let unlimited = ["--datagram-rate", "none"];
    let contenders = [
        echo("fork", "udp://127.0.0.1:PORT", &unlimited)?.with_baseline(RECVMMSG),
        echo("threads", "udp://127.0.0.1:PORT", &unlimited)?.with_baseline(RECVMMSG),
        echo("events", "udp://127.0.0.1:PORT", &unlimited)?.with_baseline(RECVMMSG),
        Contender::new("Python, recvfrom and sendto", "python3", &["-c", PYTHON]),
        baseline(RECVMMSG, "recvmmsg.c")?,
    ];
    Ok(contenders.map(Contender::over_udp).into())
}

/// Servers that forward the lines of one client to all others.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn fan_out_servers() -> io::Result<Vec<Contender>> {
    let forward = |model| ours("forward", model, "127.0.0.1:PORT", &["--to", "others"]);
    Ok(vec![
        forward("fork")?.forking().with_baseline(BROKER),
        forward("threads")?.with_baseline(BROKER),
        forward("events")?.with_baseline(BROKER),
        Contender::new(BROKER, "ncat", &["-l", "--broker", "127.0.0.1", "PORT"]),
    ])
}

/// Chat servers: all other clients receive each line.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn chat_servers() -> io::Result<Vec<Contender>> {
    let chat = |model| {
        let unlimited = ["--burst", "1000000000"];
        let chat = ours("chat", model, "127.0.0.1:PORT", &unlimited);
        chat.map(|chat| chat.with_opening("client-NUMBER\n"))
    };
    Ok(vec![
        chat("fork")?.forking(),
        chat("threads")?,
        chat("events")?,
        Contender::new(BROKER, "ncat", &["-l", "--broker", "127.0.0.1", "PORT"]),
    ])
}

/// Servers that send this file to each client; some accept only one client.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn file_servers(file: &Path) -> io::Result<Vec<Contender>> {
    let (path, folder) = (file.to_string_lossy(), file.with_file_name(""));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let listen = "127.0.0.1:PORT";
    let file_service = |model| {
        let named = ours("send-file", model, listen, &[&path]);
        named.map(|file| {
            file.named(&format!("serve send-file, {model}"))
                .with_baseline(NC)
        })
    };
    // Pipelined: the server answers both, then closes.
    let asking = format!("GET {name}\nQUIT\n");
    let files = |model| {
        let named = ours("files", model, listen, &[&folder.to_string_lossy()]);
        let named = named?.named(&format!("serve files, {model}"));
        io::Result::Ok(named.with_opening(&asking).with_baseline(NC))
    };
    // `exec`, so that no shell process stays.
    let redirected = |name, command: &str| {
        let script = format!("exec {command} < \"$0\"");
        Contender::new(name, "sh", &["-c", &script, &path])
    };
    let from = format!("OPEN:{path},rdonly");
    let listening = "TCP-LISTEN:PORT,bind=127.0.0.1,reuseaddr";
    let socat = |name, size| Contender::new(name, "socat", &["-b", size, "-u", &from, listening]);
    Ok(vec![
        file_service("fork")?,
        file_service("events")?,
        files("fork")?,
        files("events")?,
        redirected(NC, "nc -N -l 127.0.0.1 PORT"),
        redirected("ncat -l < file", "ncat -l --send-only 127.0.0.1 PORT"),
        socat("socat -u", "8192"), // the default
        socat("socat -u -b 262144", "262144"),
        Contender::new("Python, sendfile", "python3", &["-c", SENDFILE, &path]),
    ])
}

/// Servers of this folder, whose clients ask for the digest of the file `large`.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn busy_files(folder: &Path) -> io::Result<Vec<Contender>> {
    let folder = folder.to_string_lossy();
    busy("files", &[&folder], "HASH large\n")
}

/// Servers of the friend, whose clients send lines.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn busy_friends() -> io::Result<Vec<Contender>> {
    busy("eliza", &[], "I am sad because my mother hates me\n")
}

fn busy(service: &str, arguments: &[&str], opening: &str) -> io::Result<Vec<Contender>> {
    let models = ["fork", "threads", "events"].into_iter();
    let servers = models.map(|model| {
        let server = ours(service, model, "127.0.0.1:PORT", arguments)?;
        Ok(server.with_opening(opening))
    });
    servers.collect()
}

/// ELIZA programs on a pipe: ours with each of these scripts (the built-in one if there are none),
/// and a simple one in Python.
///
/// # Errors
///
/// The path of the running program is unknown.
pub fn pipe_programs(scripts: &[String]) -> io::Result<Vec<Contender>> {
    let program = beside("switchboard")?;
    let program = program.to_string_lossy();
    let own = [String::from("friend")];
    let scripts = if scripts.is_empty() { &own } else { scripts };
    let mut friends = Vec::new();
    for script in scripts {
        let file = Path::new(script).file_name().unwrap_or_default();
        let name = format!("switchboard, {}", file.display());
        let friend = Contender::new(&name, &program, &["talk", "--script", script]);
        let is_default = scripts == own;
        friends.push(friend.with_baseline(if is_default { SAME_SIZE } else { SMALL }));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plain = folder.join("eliza.py").display().to_string();
    let script = folder
        .join("../data/eliza/friend.toml")
        .display()
        .to_string();
    if scripts == own {
        friends.push(Contender::new(SAME_SIZE, "python3", &[&plain, &script]));
    }
    friends.push(Contender::new(SMALL, "python3", &[&plain]));
    Ok(friends)
}

/// Our echo service.
fn echo(model: &str, listen: &str, arguments: &[&str]) -> io::Result<Contender> {
    ours("echo", model, listen, arguments)
}

/// Our program, built next to the benchmark.
fn ours(service: &str, model: &str, listen: &str, arguments: &[&str]) -> io::Result<Contender> {
    let program = beside("switchboard")?;
    let usual = ["-q", "serve", service, "--model", model, "--listen", listen];
    Ok(Contender::new(
        &format!("switchboard {model}"),
        &program.to_string_lossy(),
        &[&usual, arguments].concat(),
    ))
}

/// A C server of this folder, compiled next to the benchmark.
///
/// If compilation fails, the program is missing, and the contender is skipped like any that cannot
/// be started.
fn baseline(name: &str, source: &str) -> io::Result<Contender> {
    let program = beside(source)?.with_extension("baseline");
    fs::remove_file(&program).ok(); // missing on the first run
    let compiled = Command::new("cc")
        .args(["-O2", "-static", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
        .status();
    if let Err(error) = compiled {
        eprintln!("cannot compile {source}: cc: {error}");
    }
    Ok(Contender::new(name, &program.to_string_lossy(), &["PORT"]))
}

fn beside(name: &str) -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name(name))
}

const FORK: &str = "C fork server, static";
const EPOLL: &str = "C epoll server, static";
const BROKER: &str = "ncat --broker";
const NC: &str = "nc -N -l < file";
const SMALL: &str = "Python, 45 patterns";
const SAME_SIZE: &str = "Python, same patterns";
const RECVMMSG: &str = "C recvmmsg server, static";

/// More clients than any benchmark uses.
const ROOM: &str = "10000";

const SENDFILE: &str = "
import socket, sys
here = socket.create_server(('127.0.0.1', PORT))
here.accept()[0].sendfile(open(sys.argv[1], 'rb'))
";

const PYTHON: &str = "
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(('127.0.0.1', PORT))
while True:
    here.sendto(*here.recvfrom(65536))
";
