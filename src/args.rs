//! The command line, parsed once into types that cannot be wrong.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use switchboard_core::{BindOptions, Family, Limits, ListenAddr, Rate};
use switchboard_services::Services;
use switchboard_services::units::{
    Limit, count, file_mode, or_none, rate, rate_per_second, size_in, time, timeout,
};

use crate::script;
use crate::talk::TalkOptions;
use crate::transfer::{self, GetOptions, ListOptions, PutOptions};

/// Write a network service once, as a conversation; hold it with every caller
#[derive(Parser)]
#[command(version, after_help = HELP)]
pub(crate) struct Cli {
    /// Show every accept, fork, end and reap
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Print errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve one service to whoever calls
    #[command(
        subcommand_required = true,
        arg_required_else_help = true,
        subcommand_value_name = "SERVICE",
        subcommand_help_heading = "Services",
        override_usage = "switchboard serve <SERVICE> [OPTIONS]",
        disable_help_subcommand = true,
        after_help = SERVE_HELP
    )]
    Serve,
    /// Talk with your virtual friend, here in the terminal or from a pipe
    #[command(after_help = TALK_HELP)]
    Talk(TalkOptions),
    /// Check the scripts by which the friend speaks, talk by them, list them
    #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true, after_help = script::HELP)]
    Script(script::Command),
    /// Get files from a server
    #[command(after_help = transfer::GET_HELP)]
    Get(GetOptions),
    /// Put files where a server keeps them
    #[command(after_help = transfer::PUT_HELP)]
    Put(PutOptions),
    /// List the files that a server has
    #[command(after_help = transfer::LIST_HELP)]
    List(ListOptions),
    /// List the services
    Services,
}

// Where and how to serve. (A doc comment would take the place of what the service does.)
#[derive(Args)]
pub(crate) struct ServeOptions {
    /// Where to listen (repeatable): PORT (this machine only), :PORT (everyone), HOST:PORT,
    /// [V6]:PORT, udp://PORT (and so on), unix:PATH, fd:N, stdio:; port 0 asks for a free one
    /// [default: the sockets passed by a service manager, else 1212]
    #[arg(short, long, value_name = "ADDR", help_heading = "Server")]
    listen: Vec<ListenAddr>,

    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Server")]
    ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long, help_heading = "Server")]
    ipv6: bool,

    /// The permissions of Unix sockets, as chmod has them [default: as the umask leaves them]
    #[arg(long, value_name = "MODE", value_parser = file_mode, help_heading = "Server")]
    unix_mode: Option<u32>,

    /// How conversations run at the same time
    #[arg(
        short,
        long,
        value_enum,
        default_value = "fork",
        help_heading = "Server"
    )]
    pub(crate) model: Model,

    /// Write an empty line to this open descriptor once the server listens, and close it
    #[arg(long, value_name = "N", value_parser = count(0_u16..), help_heading = "Server")]
    pub(crate) ready_fd: Option<u16>,

    /// At SIGUSR1, tell the state as JSON, one object a line
    #[arg(long, help_heading = "Server")]
    pub(crate) json: bool,

    /// Conversations at the same time; more wait until one ends
    #[arg(
        long,
        value_name = "N",
        default_value = "1000",
        value_parser = count(1_usize..),
        help_heading = "Limits"
    )]
    max_clients: usize,

    /// Conversations at the same time with one host; more are refused with words [default: no
    /// limit]
    #[arg(long, value_name = "N", value_parser = count(1_usize..), help_heading = "Limits")]
    max_per_host: Option<usize>,

    /// Conversations that one host begins in a second, minute or hour (10/s, 100/m, 1000/h); more
    /// have to wait [default: no limit]
    #[arg(long, value_name = "N/s", value_parser = rate, help_heading = "Limits")]
    rate: Option<Rate>,

    /// Datagrams sent to one peer in a second, or none for any number; more are not sent
    #[arg(long, value_name = "N/s", default_value = "200/s", value_parser = or_none(rate_per_second), help_heading = "Limits")]
    datagram_rate: Limit<NonZeroU32>,

    /// End a conversation whose first message does not come within this time (90, 90s, 5m, 1h; or
    /// none)
    #[arg(long, value_name = "TIME", default_value = "none", value_parser = or_none(timeout), help_heading = "Limits")]
    first: Limit<Duration>,

    /// End a conversation in which no message comes and nothing is taken for so long
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = or_none(timeout), help_heading = "Limits")]
    idle: Limit<Duration>,

    /// End every conversation that lasts so long
    #[arg(long, value_name = "TIME", default_value = "none", value_parser = or_none(timeout), help_heading = "Limits")]
    session: Limit<Duration>,

    /// The longest line, in bytes (500, 8k, 1M)
    #[arg(long, value_name = "BYTES", default_value = "8k", value_parser = size_in::<usize>(1..=MAX_LINE_BYTES), help_heading = "Limits")]
    max_line: usize,

    /// How long a conversation may take to end, at its close and when the server stops
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time, help_heading = "Limits")]
    grace: Duration,
}

/// How conversations run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    /// A process of its own for each client
    Fork,
    /// A thread of its own for each client
    Threads,
    /// One thread for all clients
    Events,
    /// One client after the other; the next one waits
    Sequential,
}

impl From<Model> for switchboard_core::Model {
    fn from(model: Model) -> Self {
        match model {
            Model::Fork => Self::Fork,
            Model::Threads => Self::Threads,
            Model::Events => Self::Events,
            Model::Sequential => Self::Sequential,
        }
    }
}

impl ServeOptions {
    /// Where to listen: as was said, else where a service manager does already.
    pub(crate) fn places(&self) -> Vec<ListenAddr> {
        if !self.listen.is_empty() {
            return self.listen.clone();
        }
        let activated = ListenAddr::activated();
        if activated.is_empty() {
            vec![ListenAddr::default()]
        } else {
            activated
        }
    }

    pub(crate) fn bind(&self) -> BindOptions {
        BindOptions {
            only: match (self.ipv4, self.ipv6) {
                (true, _) => Some(Family::V4),
                (_, true) => Some(Family::V6),
                _ => None,
            },
            unix_mode: self.unix_mode,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            clients: self.max_clients,
            clients_per_host: self.max_per_host,
            rate: self.rate,
            datagrams_per_second: self.datagram_rate,
            first: self.first,
            idle: self.idle,
            session: self.session,
            grace: self.grace,
            message_bytes: self.max_line,
            ..Limits::default()
        }
    }
}

/// The command line with a subcommand of `serve` for each service: its own options, and those of
/// every service.
pub(crate) fn command(services: &Services) -> clap::Command {
    let commands = services.commands().map(ServeOptions::augment_args);
    Cli::command().mut_subcommand("serve", |serve| serve.subcommands(commands))
}

const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

const HELP: &str = "\
Examples:
  switchboard talk                        the friend, here
  switchboard script list                 the built-in scripts of the friend
  switchboard serve eliza                 the friend, for this machine: nc localhost 1212
  switchboard serve echo --listen :7007   echo, for everyone
  switchboard serve echo --help           all the options of serving
  switchboard get server:1212 notes.txt   a file from `switchboard serve files`, there

Exit codes: 0 fine, 1 failed, 2 wrong usage, 69 the address cannot be had, 77 not permitted; more
are told by `switchboard get --help`.";

const TALK_HELP: &str = "\
Examples:
  switchboard talk                         the friend, here; Ctrl-D ends it
  switchboard talk --trace                 and how each reply came about
  switchboard talk --script ami            in French
  switchboard talk --script doctor.script  by a script of your own
  switchboard talk --commands              *help tells the commands
  switchboard talk --trace=json < said | jq .reply";

const SERVE_HELP: &str = "\
Examples:
  switchboard serve eliza                           then, elsewhere: nc localhost 1212
  switchboard serve display --listen :1212 -v       and see who comes and goes
  switchboard serve echo --model sequential         one client at a time
  switchboard serve display --raw > file            then: nc -N localhost 1212 < original
  switchboard serve eliza --listen unix:/tmp/friend then: nc -U /tmp/friend
  switchboard serve eliza --listen udp://1212       then: nc -u 127.0.0.1 1212
  switchboard serve files --root /srv               a folder; then: nc, or switchboard get
  switchboard serve files --listen udp://:69        the same by TFTP: curl tftp://…
  switchboard serve exec -- /usr/bin/sort           a program for each client
  switchboard serve echo --max-clients 10 --max-per-host 2 --idle 30s

Every service has options for where it listens, how conversations run, and limits:
  switchboard serve SERVICE --help";

#[cfg(test)]
mod tests {
    use clap::{ArgMatches, FromArgMatches};
    use switchboard_core::HostPort;

    use super::*;

    fn parse(words: &str) -> Result<ArgMatches, clap::Error> {
        let words = ["switchboard"].into_iter().chain(words.split_whitespace());
        command(&switchboard_services::all()).try_get_matches_from(words)
    }

    fn serve(words: &str) -> ServeOptions {
        let matches = parse(words).unwrap_or_else(|error| panic!("{error}"));
        let service = matches
            .subcommand()
            .and_then(|(_, serve)| serve.subcommand());
        let (_, options) = service.expect("a service is served");
        ServeOptions::from_arg_matches(options).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_command_line_is_consistent() {
        command(&switchboard_services::all()).debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let options = serve("serve eliza");
        assert_eq!(options.limits(), Limits::default());
        assert_eq!(options.places(), [ListenAddr::default()]);
        assert_eq!(options.model, Model::Fork);
    }

    #[test]
    fn options_are_read() {
        let options = serve("serve echo --listen :80 --listen unix:a --max-clients 3 --idle none");
        assert_eq!(
            options.listen,
            [
                ListenAddr::Tcp(HostPort::Everywhere(80)),
                ListenAddr::Unix("a".into())
            ]
        );
        assert_eq!(options.limits().clients, 3);
        assert_eq!(options.limits().idle, None);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for wrong in [
            "",
            "serve",
            "serve nothing",
            "serve echo --listen a:b",
            "serve echo --max-clients 0",
            "serve echo --max-per-host -1",
            "serve echo --idle 0",
            "serve echo x",
            "serve --listen 0 echo",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
