//! Several callers at one server, and what each of them hears.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::Pid;

use crate::support::proc::number;
use crate::support::server::{Caller, Process, Server, peak_memory_kib, program};

/// Those of the models in which several are there at the same time.
pub(crate) const TOGETHER: [&str; 3] = ["fork", "threads", "events"];

/// Serves with these words, which say where to listen.
pub(crate) fn serve(words: &str) -> Server {
    let words = format!("-v serve {words}");
    Server::run(Command::new(program()).args(words.split_whitespace()))
}

/// All addresses for streams that the server said it listens on, in that order.
pub(crate) fn addresses(server: &Server) -> Vec<SocketAddr> {
    let line = server.log("listens on ");
    let words = line.split([' ', ';']);
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The process of the hub that was started as the `times`-th.
pub(crate) fn hub(server: &Server, times: usize) -> Pid {
    let lines = server.log_times("fork, for the hub", times);
    number(&lines[times - 1], "pid=")
}

/// A caller at a Unix socket. What a caller does is the same for sockets of all kinds.
pub(crate) fn by_path(path: &Path) -> Caller {
    over_unix(UnixStream::connect(path).expect("somebody listens"))
}

fn over_unix(stream: UnixStream) -> Caller {
    Caller::over(TcpStream::from(OwnedFd::from(stream)))
}

/// A program with a caller at its standard input and output.
pub(crate) fn through(command: &mut Command) -> (Process, Caller) {
    let (own, other) = UnixStream::pair().expect("a pair can be made");
    let again = other.try_clone().expect("a socket can be cloned");
    command
        .stdin(OwnedFd::from(other))
        .stdout(OwnedFd::from(again))
        .stderr(Stdio::null());
    let process = Process::start(command);
    command.stdin(Stdio::null()).stdout(Stdio::null()); // its copies of the socket
    (process, over_unix(own))
}

/// A caller that is `nc`, which ends with its input, and is among the `programs` until then.
pub(crate) fn by_nc(port: &str, programs: &mut Vec<Process>) -> Caller {
    let mut nc = Command::new("nc.openbsd");
    let (process, caller) = through(nc.args(["-N", "127.0.0.1", port]));
    programs.push(process);
    caller
}

/// No process of the server ever had more than this.
#[track_caller]
pub(crate) fn check_memory(server: &Server, most_kib: u64) {
    let children = server.children().into_iter().map(|(pid, _)| pid);
    for pid in children.chain([server.pid()]) {
        // One that has just ended has none.
        if let Some(peak) = peak_memory_kib(pid) {
            assert!(peak < most_kib, "{pid} had {peak} KiB");
        }
    }
}

/// Callers by number, and how each comes.
pub(crate) struct Scene<'a> {
    pub(crate) callers: BTreeMap<u32, Caller>,
    come: Box<dyn FnMut(&str) -> Caller + 'a>,
    greeting: &'a [&'a str],
}

impl<'a> Scene<'a> {
    /// All come to the first address of the server, and hear these lines first.
    pub(crate) fn at(server: &'a Server, greeting: &'a [&'a str]) -> Self {
        Self::new(greeting, |_| server.connect())
    }

    /// Each comes by `come`, which is told where to.
    pub(crate) fn new(greeting: &'a [&'a str], come: impl FnMut(&str) -> Caller + 'a) -> Self {
        let (callers, come) = (BTreeMap::new(), Box::new(come));
        Self {
            callers,
            come,
            greeting,
        }
    }

    pub(crate) fn caller(&mut self, who: u32) -> &mut Caller {
        self.callers.get_mut(&who).expect("it has come")
    }

    /// Plays what happens, a line each: `+1 PLACE` comes, `1> ` says a line, `1: ` says bytes, `1< `
    /// hears exactly this line next, and `1= ` these bytes; `-1` ends its side, `!1` resets, and
    /// `1.` hears nothing more up to the end.
    #[track_caller]
    pub(crate) fn play(&mut self, happenings: &str) {
        let lines = happenings.lines().map(str::trim_start);
        for line in lines.filter(|line| !line.is_empty()) {
            let digits = |words: &str| words.parse().expect("a number");
            if let Some(who) = line.strip_prefix('+') {
                let (who, place) = who.split_once(' ').unwrap_or((who, ""));
                let mut caller = (self.come)(place);
                for line in self.greeting {
                    assert_eq!(caller.line(), *line, "{who} comes");
                }
                self.callers.insert(digits(who), caller);
            } else if let Some(who) = line.strip_prefix('-') {
                self.caller(digits(who)).hang_up();
            } else if let Some(who) = line.strip_prefix('!') {
                let caller = self.callers.remove(&digits(who));
                caller.expect("it has come").reset();
            } else if let Some(who) = line.strip_suffix('.')
                && let Ok(who) = who.parse()
            {
                let rest = self.caller(who).rest();
                assert_eq!(String::from_utf8_lossy(&rest), "", "{line}");
            } else {
                self.exchange(line);
            }
        }
    }

    #[track_caller]
    fn exchange(&mut self, line: &str) {
        let end = line.find(['>', ':', '<', '=']).expect("something happens");
        let (who, words) = line.split_at(end);
        let caller = self.caller(who.parse().expect("a number"));
        let (what, words) = words.split_at(1);
        let words = words.strip_prefix(' ').unwrap_or(words);
        match what {
            ">" => caller.say(format!("{words}\n")),
            ":" => caller.say(words),
            "<" => assert_eq!(caller.line(), words, "{line}"),
            _ => assert_eq!(caller.next(words.len()), words, "{line}"),
        }
    }
}
