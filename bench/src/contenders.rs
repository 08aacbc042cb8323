//! Who is measured: the built program first, then what this machine may have besides, and the
//! least that a server of its kind can do, in C.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use crate::Contender;

/// Servers that echo over TCP, and admit some thousand clients.
///
/// # Errors
///
/// The system does not tell where the runner itself is.
pub fn over_tcp() -> io::Result<Vec<Contender>> {
    let listen = "127.0.0.1:PORT";
    Ok(vec![
        echo("fork", listen, &["--max-clients", ROOM])?
            .forking()
            .against(FORK),
        // It waits in read() like the forking one, and is held against that for want of its own.
        echo("threads", listen, &["--max-clients", ROOM])?.against(FORK),
        echo("events", listen, &["--max-clients", ROOM])?.against(EPOLL),
        Contender::new(
            "tcpserver -HRl0 cat",
            "tcpserver",
            &["-HRl0", "-c", ROOM, "127.0.0.1", "PORT", "cat"],
        )
        .forking(),
        mark(FORK, "fork.c")?.forking(),
        mark(EPOLL, "epoll.c")?,
    ])
}

/// Servers that echo datagrams.
///
/// # Errors
///
/// The system does not tell where the runner itself is.
pub fn over_udp() -> io::Result<Vec<Contender>> {
    let unlimited = ["--datagram-rate", "none"];
    let contenders = [
        echo("fork", "udp://127.0.0.1:PORT", &unlimited)?.against(RECVMMSG),
        echo("threads", "udp://127.0.0.1:PORT", &unlimited)?.against(RECVMMSG),
        echo("events", "udp://127.0.0.1:PORT", &unlimited)?.against(RECVMMSG),
        Contender::new("Python, recvfrom and sendto", "python3", &["-c", PYTHON]),
        mark(RECVMMSG, "recvmmsg.c")?,
    ];
    Ok(contenders.map(Contender::of_datagrams).into())
}

/// Servers that pass on what one client sends to all others.
///
/// # Errors
///
/// The system does not tell where the runner itself is.
pub fn in_rooms() -> io::Result<Vec<Contender>> {
    let forward = |model| ours("forward", model, "127.0.0.1:PORT", &["--to", "others"]);
    Ok(vec![
        forward("fork")?.forking().against(BROKER),
        forward("threads")?.against(BROKER),
        forward("events")?.against(BROKER),
        Contender::new(BROKER, "ncat", &["-l", "--broker", "127.0.0.1", "PORT"]),
    ])
}

/// Servers at which a crowd talks, each line of one being read by all others.
///
/// # Errors
///
/// The system does not tell where the runner itself is.
pub fn in_a_chat() -> io::Result<Vec<Contender>> {
    let chat = |model| {
        let unlimited = ["--burst", "1000000000"];
        let chat = ours("chat", model, "127.0.0.1:PORT", &unlimited);
        chat.map(|chat| chat.greeted("client-NUMBER\n"))
    };
    Ok(vec![
        chat("fork")?.forking(),
        chat("threads")?,
        chat("events")?,
        Contender::new(BROKER, "ncat", &["-l", "--broker", "127.0.0.1", "PORT"]),
    ])
}

/// Servers that send this file to who connects, some of them to one only.
///
/// # Errors
///
/// The system does not tell where the runner itself is.
pub fn with_a_file(file: &Path) -> io::Result<Vec<Contender>> {
    let (path, folder) = (file.to_string_lossy(), file.with_file_name(""));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let listen = "127.0.0.1:PORT";
    let of_file = |model| {
        let named = ours("file", model, listen, &[&path]);
        named.map(|file| file.called(&format!("serve file, {model}")).against(NC))
    };
    // All that is asked for is answered, then the server closes.
    let asking = format!("GET {name}\nQUIT\n");
    let of_files = |model| {
        let named = ours(
            "files",
            model,
            listen,
            &["--root", &folder.to_string_lossy()],
        );
        let named = named?.called(&format!("serve files, {model}"));
        io::Result::Ok(named.greeted(&asking).against(NC))
    };
    // Without a shell that would stay between.
    let redirected = |name, command: &str| {
        let script = format!("exec {command} < \"$0\"");
        Contender::new(name, "sh", &["-c", &script, &path])
    };
    let from = format!("OPEN:{path},rdonly");
    let listening = "TCP-LISTEN:PORT,bind=127.0.0.1,reuseaddr";
    let socat = |name, size| Contender::new(name, "socat", &["-b", size, "-u", &from, listening]);
    Ok(vec![
        of_file("fork")?,
        of_file("events")?,
        of_files("fork")?,
        of_files("events")?,
        redirected(NC, "nc -N -l 127.0.0.1 PORT"),
        redirected("ncat -l < file", "ncat -l --send-only 127.0.0.1 PORT"),
        socat("socat -u", "8192"), // as it is without -b
        socat("socat -u -b 262144", "262144"),
        Contender::new("Python, sendfile", "python3", &["-c", SENDFILE, &path]),
    ])
}

/// Friends who talk through a pipe: the program by each of these scripts (by its own, if there are
/// none), and one of the plain kind.
///
/// # Errors
///
/// The system does not tell where the runner itself is.
pub fn through_a_pipe(scripts: &[String]) -> io::Result<Vec<Contender>> {
    let program = beside("switchboard")?;
    let program = program.to_string_lossy();
    let own = [String::from("friend")];
    let scripts = if scripts.is_empty() { &own } else { scripts };
    let mut friends = Vec::new();
    for script in scripts {
        let file = Path::new(script).file_name().unwrap_or_default();
        let name = format!("switchboard, {}", file.display());
        let friend = Contender::new(&name, &program, &["talk", "--script", script]);
        let is_own = scripts == own;
        friends.push(friend.against(if is_own { SAME_SIZE } else { PLAIN }));
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
    friends.push(Contender::new(PLAIN, "python3", &[&plain]));
    Ok(friends)
}

/// The program's echo.
fn echo(model: &str, listen: &str, words: &[&str]) -> io::Result<Contender> {
    ours("echo", model, listen, words)
}

/// The program, which is built beside the runner.
fn ours(service: &str, model: &str, listen: &str, words: &[&str]) -> io::Result<Contender> {
    let program = beside("switchboard")?;
    let usual = ["-q", "serve", service, "--model", model, "--listen", listen];
    Ok(Contender::new(
        &format!("switchboard {model}"),
        &program.to_string_lossy(),
        &[&usual, words].concat(),
    ))
}

/// A server of this folder, compiled anew, beside the runner.
///
/// Where it does not compile the file is missing, and the contender is left out like any that is.
fn mark(name: &str, source: &str) -> io::Result<Contender> {
    let program = beside(source)?.with_extension("mark");
    fs::remove_file(&program).ok(); // the first time there is none
    let compiled = Command::new("cc")
        .args(["-O2", "-static", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
        .status();
    if let Err(error) = compiled {
        eprintln!("{source} is not compiled: cc: {error}");
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
const PLAIN: &str = "Python, 45 patterns";
const SAME_SIZE: &str = "Python, her patterns";
const RECVMMSG: &str = "C recvmmsg server, static";

/// More clients than any runner brings.
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
