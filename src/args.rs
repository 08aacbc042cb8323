//! The command line, parsed once into types.

use std::ffi::OsString;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use nix::net::if_::if_nametoindex;
use switchboard_core::{BindOptions, IpNet, Limits, ListenAddr, Model, Rate, Sanitized};
use switchboard_services::Services;
use switchboard_services::units::{
    Limit, count, file_mode, or_none, rate_per_second, size_in, time, timeout,
};

use crate::connect;
use crate::family::FamilyOptions;
use crate::json::JsonOption;
use crate::script;
use crate::talk::TalkOptions;
use crate::transfer::{self, GetOptions, ListOptions, PutOptions};

/// Network services, written once and run under every concurrency model
#[derive(Parser)]
#[command(version, after_help = HELP)]
pub(crate) struct Cli {
    /// Log more, such as every connection of a server
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "quiet",
        display_order = 900
    )]
    pub(crate) verbose: bool,

    /// Print results and errors only
    #[arg(short, long, global = true, display_order = 900)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve a service to its clients
    #[command(
        subcommand_required = true,
        arg_required_else_help = true,
        subcommand_value_name = "SERVICE",
        subcommand_help_heading = "Services",
        disable_help_subcommand = true,
        after_help = SERVE_HELP
    )]
    Serve,
    /// Talk with your virtual friend, in this terminal or through a pipe
    #[command(after_help = TALK_HELP)]
    Talk(TalkOptions),
    /// Connect to any server: what is typed is sent, what arrives is printed
    #[command(after_help = connect::HELP)]
    Connect(connect::Options),
    /// Check, run and list the scripts of the friend
    #[command(subcommand, arg_required_else_help = true, disable_help_subcommand = true, after_help = script::HELP)]
    Script(script::Command),
    /// Get files from a server
    #[command(after_help = transfer::GET_HELP)]
    Get(GetOptions),
    /// Send files to a server
    #[command(after_help = transfer::PUT_HELP)]
    Put(PutOptions),
    /// List the files of a server
    #[command(visible_alias = "ls", after_help = transfer::LIST_HELP)]
    List(ListOptions),
    /// List the services
    #[command(after_help = SERVICES_HELP)]
    Services(JsonOption),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell
        #[arg(value_parser = shell())]
        shell: Shell,
    },
    /// Write the manual pages, one for each command and service
    #[command(after_help = MAN_HELP)]
    Man {
        /// The directory for the pages; it is created if needed
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

// The options of every service. (A doc comment would replace the description of the service.)
#[derive(Args)]
pub(crate) struct ServeOptions {
    /// Listen on this address (repeatable): PORT (loopback only), :PORT (all addresses), HOST:PORT,
    /// [V6]:PORT, each also with udp:// in front, unix:PATH, unix:@NAME (abstract), fd:N, stdio:; port 0
    /// chooses a free port
    /// [default: the sockets passed by a service manager, else 1212]
    #[arg(short, long, value_name = "ADDR", help_heading = "Server")]
    listen: Vec<ListenAddr>,

    #[command(flatten, next_help_heading = "Server")]
    family: FamilyOptions,

    /// Interface on which multicast groups are joined (udp://239.1.2.3:PORT)
    /// [default: all that are up and able to receive multicast]
    #[arg(long, value_name = "NAME", value_parser = Interface::named, help_heading = "Server")]
    pub(crate) interface: Option<Interface>,

    /// Permissions of Unix sockets, in octal as for chmod [default: from the umask]
    #[arg(long, value_name = "MODE", value_parser = file_mode, help_heading = "Server")]
    unix_mode: Option<u32>,

    /// Trust the source addresses of a network, such as 192.168.1.0/24 (repeatable): its UDP peers
    /// need not show that an address is theirs before they get long answers
    #[arg(long, value_name = "CIDR", value_parser = network, help_heading = "Server")]
    trust_network: Vec<IpNet>,

    /// Concurrency model
    #[arg(short, long, default_value = "fork", value_parser = model(), help_heading = "Server")]
    pub(crate) model: Model,

    /// Write a newline to this descriptor once the server listens, then close it
    #[arg(long, value_name = "N", value_parser = count(0..=u16::MAX), help_heading = "Server")]
    pub(crate) ready_fd: Option<u16>,

    /// On SIGUSR1, write the state as JSON, one object per line
    #[arg(long, help_heading = "Server")]
    pub(crate) json: bool,

    /// Maximum number of clients at the same time; further ones wait in the backlog
    #[arg(
        long,
        value_name = "N",
        default_value = "1000",
        value_parser = count(1..=usize::MAX),
        help_heading = "Limits"
    )]
    max_clients: usize,

    /// Maximum number of clients from one host at the same time; further ones are refused with a
    /// message [default: no limit]
    #[arg(long, value_name = "N", value_parser = count(1..=usize::MAX), help_heading = "Limits")]
    max_per_host: Option<usize>,

    /// Maximum number of new clients from one host per second, minute or hour (10/s, 100/m, 1000/h);
    /// further ones are delayed [default: no limit]
    #[arg(long, value_name = "N/s", help_heading = "Limits")]
    rate: Option<Rate>,

    /// Maximum number of datagrams sent to one peer per second; further ones are dropped. With none,
    /// loops between two servers are not ended either
    #[arg(long, value_name = "N/s", default_value = "200/s", value_parser = or_none(rate_per_second), help_heading = "Limits")]
    datagram_rate: Limit<NonZeroU32>,

    /// Close a session whose first message does not arrive within this time (90, 90s, 5m, 1h, or
    /// none)
    #[arg(long, value_name = "TIME", default_value = "none", value_parser = or_none(timeout), help_heading = "Limits")]
    first_message_timeout: Limit<Duration>,

    /// Close a session in which nothing is received and nothing can be sent for this time
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = or_none(timeout), help_heading = "Limits")]
    idle_timeout: Limit<Duration>,

    /// Close every session after this time
    #[arg(long, value_name = "TIME", default_value = "none", value_parser = or_none(timeout), help_heading = "Limits")]
    session_timeout: Limit<Duration>,

    /// Take what a client sent without a line end as a line after this silence, or none; only for a
    /// client that has sent no line end before and does not type
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = or_none(timeout), help_heading = "Limits")]
    line_timeout: Limit<Duration>,

    /// Maximum length of a line, in bytes (500, 8k, 1M)
    #[arg(long, value_name = "BYTES", default_value = "8k", value_parser = size_in::<usize>(1..=MAX_LINE_BYTES), help_heading = "Limits")]
    max_line: usize,

    /// Time for a session to finish after its close, and for all sessions on shutdown
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time, help_heading = "Limits")]
    grace: Duration,
}

/// A network interface of this machine.
#[derive(Clone)]
pub(crate) struct Interface {
    pub(crate) name: String,
    index: NonZeroU32,
}

impl Interface {
    fn named(name: &str) -> Result<Self, String> {
        let index = if_nametoindex(name).ok().and_then(NonZeroU32::new);
        let index = index.ok_or("no interface has this name (ip link lists them)")?;
        let name = name.to_owned();
        Ok(Self { name, index })
    }
}

/// The models by name, with the descriptions that the help shows.
fn model() -> impl TypedValueParser<Value = Model> {
    let value = |name, help| PossibleValue::new(name).help(help);
    let values = [
        value("fork", "A process per client"),
        value("threads", "A thread per client"),
        value("events", "One thread for all clients"),
        value(
            "sequential",
            "One client at a time; the next one waits in the backlog",
        ),
    ];
    PossibleValuesParser::new(values).map(|name| match &*name {
        "fork" => Model::Fork,
        "threads" => Model::Threads,
        "events" => Model::Events,
        _ => Model::Sequential,
    })
}

/// A network in CIDR notation, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address)),
        Err(_) => text.parse().ok(),
    };
    match network {
        Some(IpNet::V6(v6)) if v6.addr().to_ipv4_mapped().is_some() => {
            Err("write an IPv4 network as IPv4: 192.168.1.0/24".to_owned())
        }
        Some(network) => Ok(network),
        None => Err("a network is an address, with the length of its prefix: \
                     192.168.1.0/24, fd00::/8, 192.168.1.7"
            .to_owned()),
    }
}

/// The shells for which completions are tested.
fn shell() -> impl TypedValueParser<Value = Shell> {
    PossibleValuesParser::new(["bash", "zsh", "fish"]).try_map(|name| name.parse())
}

impl ServeOptions {
    /// Where to listen: the given addresses, else the sockets of a service manager, else port 1212.
    pub(crate) fn listen_addrs(&self) -> Vec<ListenAddr> {
        if !self.listen.is_empty() {
            return self.listen.clone();
        }
        match ListenAddr::activated() {
            activated if activated.is_empty() => vec![ListenAddr::default()],
            activated => activated,
        }
    }

    pub(crate) fn bind(&self) -> BindOptions {
        let mut options = BindOptions::default();
        options.only = self.family.only();
        options.unix_mode = self.unix_mode;
        options.interface = self.interface.as_ref().map(|interface| interface.index);
        options.trusted_networks = self.trust_network.clone();
        options
    }

    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.max_clients = self.max_clients;
        limits.max_clients_per_host = self.max_per_host;
        limits.rate = self.rate;
        limits.datagrams_per_second = self.datagram_rate;
        limits.first_message_timeout = self.first_message_timeout;
        limits.idle_timeout = self.idle_timeout;
        limits.session_timeout = self.session_timeout;
        limits.grace_period = self.grace;
        limits.line_timeout = self.line_timeout;
        limits.message_bytes = self.max_line;
        limits
    }
}

/// Parses the arguments of `program`. The matches of a service are below those of `serve`.
///
/// # Errors
///
/// Wrong usage, or a request for help or the version.
pub(crate) fn parse(
    services: &Services,
    program: &'static str,
    args: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<(Cli, ArgMatches), clap::Error> {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let framework = env!("CARGO_PKG_VERSION");
    let version = match services.version() {
        Some(version) => format!("{version} ({OWN_NAME} {framework})"),
        None if program == OWN_NAME => framework.to_owned(),
        None => format!("({OWN_NAME} {framework})"),
    };
    let command = command(services, program);
    let mut command = with_version(command, program, version.leak()); // once in a process
    let args = move_options_behind_service(args);
    let matches = matches(&mut command, &args).map_err(|error| {
        // An error quotes arguments, also to a terminal.
        let shown = |arg: &OsString| Sanitized(arg.as_encoded_bytes()).to_string().into();
        let shown: Vec<OsString> = args.iter().map(shown).collect();
        if shown == args {
            return error;
        }
        matches(&mut command, &shown).err().unwrap_or_else(|| {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let lines = text
                .lines()
                .map(|line| Sanitized(line.as_bytes()).to_string() + "\n");
            clap::Error::raw(error.kind(), lines.collect::<String>())
        })
    })?;
    Ok((Cli::from_arg_matches(&matches)?, matches))
}

fn matches(command: &mut clap::Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let matches = command.try_get_matches_from_mut(args);
    matches
        .map_err(|error| describe_service_error(command, error))
        .map_err(|error| suggest_listen(error, args))
        .map_err(|error| suggest_for_nc(error, args))
}

/// The command line, with a subcommand of `serve` for each service. `serve` and the service accept
/// the same options.
pub(crate) fn command(services: &Services, program: &'static str) -> clap::Command {
    let services: Vec<_> = services
        .commands()
        .map(ServeOptions::augment_args)
        .collect();
    let command = Cli::command().name(program);
    command.mut_subcommand("serve", |serve| {
        ServeOptions::augment_args(serve)
            .subcommands(services)
            .override_usage(format!("{program} serve [OPTIONS] <SERVICE> [OPTIONS]"))
    })
}

/// Lets `--version` print this, also behind a subcommand, where the help does not list it.
fn with_version(
    mut command: clap::Command,
    program: &'static str,
    version: &'static str,
) -> clap::Command {
    let subcommands = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned());
    for name in subcommands.collect::<Vec<_>>() {
        command = command.mut_subcommand(name, |subcommand| {
            let subcommand = with_version(subcommand, program, version);
            let is_taken = |arg: &Arg| {
                arg.get_id() == "version"
                    || arg.get_short() == Some('V')
                    || arg.get_long() == Some("version")
            };
            if subcommand.get_arguments().any(is_taken) {
                return subcommand; // an option of a service
            }
            let flag = Arg::new("version").short('V').long("version").hide(true);
            let flag = flag.action(ArgAction::Version);
            subcommand.disable_version_flag(true).arg(flag)
        });
    }
    command.display_name(program).version(version)
}

/// Moves the options between `serve` and the service behind the service. There clap accumulates
/// them with the other options, and finds duplicates and conflicts.
fn move_options_behind_service(mut args: Vec<OsString>) -> Vec<OsString> {
    let Some(serve) = args.iter().position(|arg| arg == "serve") else {
        return args;
    };
    // clap finds the service: an argument that is neither an option of `serve` nor the value of one.
    let parser = Cli::command().mut_subcommand("serve", |serve| {
        ServeOptions::augment_args(serve).allow_external_subcommands(true)
    });
    let Ok(matches) = parser.try_get_matches_from(&args) else {
        return args; // The full command line reports this error, too.
    };
    if let Some(("serve", matches)) = matches.subcommand()
        && let Some((_, matches)) = matches.subcommand()
        && let Some(behind) = matches.get_many::<OsString>("")
    {
        let service = args.len() - behind.len() - 1;
        args[serve + 1..=service].rotate_right(1);
    }
    args
}

/// Replaces clap's messages for a wrong or missing subcommand of `serve`: that is a service.
fn describe_service_error(command: &mut clap::Command, error: clap::Error) -> clap::Error {
    let problem = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::MissingSubcommand, _) => "no service is given".to_owned(),
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(name))) if is_address(name) => {
            format!("there is no service '{name}' (to listen there, use '--listen {name}')")
        }
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(name))) => {
            format!("there is no service '{name}'")
        }
        _ => return error,
    };
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) if usage.to_string().contains(" serve ") => (),
        _ => return error,
    }
    let program = command.get_name().to_owned();
    let serve = command.find_subcommand_mut("serve");
    let serve = serve.expect("it is a command");
    let similar = match similar_services(serve, &error) {
        names if names.is_empty() => {
            let names = serve.get_subcommands().map(clap::Command::get_name);
            format!("; there are: {}", names.collect::<Vec<_>>().join(", "))
        }
        names => format!("; similar names: {}", names.join(", ")),
    };
    let message = format!("{problem}{similar}\n\n`{program} services` lists the services.");
    serve.error(error.kind(), message)
}

/// Suggests `--listen` where an address is given without it, or a port with `-p`, as other programs
/// have it.
fn suggest_listen(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let is_serve = args.iter().any(|arg| arg == "serve");
    let given = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) if is_serve => arg.clone(),
        _ => return error,
    };
    let address = match ["--port", "-p"].iter().find(|&option| given == **option) {
        Some(option) => {
            let args = args.iter().filter_map(|arg| arg.to_str());
            let mut rest = args.skip_while(|arg| !arg.starts_with(option));
            let behind = rest.next().and_then(|arg| arg.strip_prefix(option));
            match behind.map(|value| value.strip_prefix('=').unwrap_or(value)) {
                Some("") | None => rest.next().unwrap_or("PORT").to_owned(),
                Some(value) => value.to_owned(),
            }
        }
        None if is_address(&given) => given,
        None => return error,
    };
    error.remove(ContextKind::SuggestedArg);
    let tip = format!("to listen there, use '--listen {address}'");
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
    error
}

/// Suggests the option of `connect` that does what this one does in nc.
fn suggest_for_nc(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let is_connect = args.get(1..).is_some_and(|args| {
        let mut commands = args
            .iter()
            .filter(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
        commands.next().is_some_and(|command| command == "connect")
    });
    let has_quiet = args.iter().any(|arg| arg == "-q");
    let tip = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) if is_connect => connect::tip_for_nc(arg, has_quiet),
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

/// Whether it can only be an address. (Every word could be the name of a host.)
fn is_address(text: &str) -> bool {
    text.contains(|c: char| c == ':' || c.is_ascii_digit()) && text.parse::<ListenAddr>().is_ok()
}

/// The services with a name that clap suggests, or that contains the given one.
fn similar_services(serve: &clap::Command, error: &clap::Error) -> Vec<String> {
    let mut similar = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => Vec::new(),
    };
    if let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) {
        let names = serve.get_subcommands().map(clap::Command::get_name);
        let containing = names.filter(|name| !given.is_empty() && name.contains(given.as_str()));
        for name in containing {
            if !similar.iter().any(|known| known == name) {
                similar.push(name.to_owned());
            }
        }
    }
    similar
}

/// The name of the program that comes with the framework.
pub(crate) const OWN_NAME: &str = "switchboard";
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

const HELP: &str = "\
Examples:
  switchboard talk                        talk with the friend in this terminal
  switchboard serve eliza                 serve the friend to this machine: nc localhost 1212
  switchboard serve echo --listen :7007   serve echo to all hosts
  switchboard serve echo --help           all options of serving
  switchboard get server:1212 notes.txt   fetch a file from `switchboard serve files`
  switchboard services                    list the services

With --json, commands with results (services, script, talk, get, put, list) print them as JSON, one
object per line; `serve --json` formats the report of SIGUSR1 on standard error. With -q, a command
prints nothing but its results and errors.

Exit codes: 0 success, 1 failure, 2 wrong usage, 69 the address is not available, 77 permission
denied; `switchboard get --help` lists those of file transfer, `switchboard connect --help` its own.";

const TALK_HELP: &str = "\
Examples:
  switchboard talk                         Ctrl-D ends the conversation
  switchboard talk --trace                 show how each reply was made
  switchboard talk --script ami            in French
  switchboard talk --script doctor.script  with a script of your own
  switchboard talk --commands              *help lists the commands
  switchboard talk --json < input.txt | jq .reply";

const SERVE_HELP: &str = "\
Examples:
  switchboard serve eliza                           then, elsewhere: nc localhost 1212
  switchboard serve display --listen :1212 -v       log each client as it connects and leaves
  switchboard serve echo --model sequential         one client at a time
  switchboard serve display --raw > file            then: nc -N localhost 1212 < original
  switchboard serve eliza --listen unix:/tmp/friend then: nc -U /tmp/friend
  switchboard serve eliza --listen udp://1212       then: nc -u 127.0.0.1 1212
  switchboard serve files /srv                      then: nc, or switchboard get
  switchboard serve files --listen udp://:69        the same over TFTP: curl tftp://HOST/NAME
  switchboard serve exec -- /usr/bin/sort           a program for each client
  switchboard serve echo --max-clients 10 --max-per-host 2 --idle-timeout 30s

These options may stand before or after SERVICE. `switchboard serve SERVICE --help` also lists the
options of that service, which stand after it.

Signals: SIGTERM and SIGINT stop the server gracefully, SIGQUIT at once. SIGHUP stops it when its
terminal is closed, and has no effect without a terminal. SIGUSR1 prints its sessions and counters.";

const SERVICES_HELP: &str = "\
Examples:
  switchboard services
  switchboard services --json | jq -r .name";

const COMPLETIONS_HELP: &str = "\
Examples:
  switchboard completions bash > /etc/bash_completion.d/switchboard
  switchboard completions zsh > ~/.zfunc/_switchboard
  switchboard completions fish > ~/.config/fish/completions/switchboard.fish";

const MAN_HELP: &str = "\
Examples:
  switchboard man /usr/local/share/man/man1
  switchboard man pages && man -l pages/switchboard-serve-eliza.1";

#[cfg(test)]
mod tests {
    use switchboard_core::{Family, HostPort};

    use super::*;

    fn parse(args: &str) -> Result<(Cli, ArgMatches), clap::Error> {
        let args = ["switchboard"].into_iter().chain(args.split_whitespace());
        super::parse(&switchboard_services::all(), OWN_NAME, args)
    }

    /// The name of the service, and the options that `serve` uses.
    #[track_caller]
    fn serve(args: &str) -> (String, ServeOptions) {
        let (_, matches) = parse(args).unwrap_or_else(|error| panic!("{error}"));
        let serve = matches.subcommand_matches("serve").expect("`serve` is run");
        let (service, matches) = serve.subcommand().expect("a service is required");
        let options = ServeOptions::from_arg_matches(matches);
        let options = options.unwrap_or_else(|error| panic!("{error}"));
        (service.to_owned(), options)
    }

    #[test]
    fn the_command_line_is_consistent() {
        command(&switchboard_services::all(), OWN_NAME).debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let (_, options) = serve("serve eliza");
        assert_eq!(options.limits(), Limits::default());
        assert_eq!(options.listen_addrs(), [ListenAddr::default()]);
        assert_eq!(options.model, Model::Fork);
    }

    #[test]
    fn networks_are_given_as_cidr_or_address() {
        let (_, options) = serve(
            "serve --trust-network 192.0.2.1/24 echo --trust-network ::1 --trust-network 10.1.2.3",
        );
        let networks = options.bind().trusted_networks;
        let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["192.0.2.1/24", "::1/128", "10.1.2.3/32"]);
    }

    #[test]
    fn options_of_serve_stand_on_both_sides_of_the_service() {
        for args in [
            "serve echo --listen :80 --listen unix:a --max-clients 3 --idle-timeout none -6 --json",
            "serve --listen :80 echo --listen unix:a --max-clients 3 --idle-timeout none -6 --json",
            "serve --listen :80 -6 --listen=unix:a --max-clients 3 --idle-timeout none --json echo",
            "-v serve -6 -l:80 -lunix:a --max-clients=3 -v echo --idle-timeout none --json",
        ] {
            let (service, options) = serve(args);
            assert_eq!(service, "echo", "{args}");
            let listen = [
                ListenAddr::Tcp(HostPort::Everywhere(80)),
                ListenAddr::Unix("a".into()),
            ];
            assert_eq!(options.listen_addrs(), listen, "{args}");
            assert_eq!(options.limits().max_clients, 3, "{args}");
            assert_eq!(options.limits().idle_timeout, None, "{args}");
            assert_eq!(options.bind().only, Some(Family::V6), "{args}");
            assert!(options.json, "{args}");
        }
    }

    #[test]
    fn arguments_of_a_program_are_no_options_of_serve() {
        let (service, options) = serve("serve --listen 1 exec --listen 2 -- serve --listen 3 echo");
        assert_eq!(service, "exec");
        assert_eq!(options.listen_addrs().len(), 2);
        assert!(parse("list unix:serve --json").is_ok());
        assert!(
            parse("put serve serve --json")
                .is_ok_and(|(cli, _)| matches!(cli.command, Command::Put(_)))
        );
    }

    #[test]
    fn wrong_usage_is_refused() {
        use ErrorKind::*;
        for (args, kind) in [
            ("", DisplayHelpOnMissingArgumentOrSubcommand),
            ("serve", DisplayHelpOnMissingArgumentOrSubcommand),
            ("serve --listen 0", MissingSubcommand),
            ("serve nothing", InvalidSubcommand),
            ("serve --listen 0 nothing", InvalidSubcommand),
            ("nothing", InvalidSubcommand),
            ("serve echo --listen a:b", ValueValidation),
            ("serve --listen a:b echo", ValueValidation),
            ("serve --script friend eliza", UnknownArgument),
            ("serve echo --max-clients 0", ValueValidation),
            ("serve echo --trust-network lab", ValueValidation),
            ("serve echo --trust-network 192.0.2.1/33", ValueValidation),
            ("serve echo --trust-network ::ffff:1.2.3.4", ValueValidation),
            ("serve echo --max-per-host -1", UnknownArgument),
            ("serve echo --idle-timeout 0", ValueValidation),
            ("serve echo x", UnknownArgument),
            ("serve -4 echo -6", ArgumentConflict),
            ("serve --model fork echo --model events", ArgumentConflict),
            ("serve --json echo --json", ArgumentConflict),
            ("serve -q echo -v", ArgumentConflict),
            ("completions bash --json", UnknownArgument),
            ("man pages --json", UnknownArgument),
            ("get 1 a --hidden", MissingRequiredArgument),
            ("put 1 a --hidden", MissingRequiredArgument),
            ("talk --json --trace", ArgumentConflict),
            ("script run turing --json --steps", ArgumentConflict),
        ] {
            let error = parse(args).err().map(|error| error.kind());
            assert_eq!(error, Some(kind), "{args}");
        }
    }

    #[test]
    fn a_wrong_or_missing_service_is_described() {
        for (args, message) in [
            ("serve ech", "there is no service 'ech'; similar names: "),
            (
                "serve foo",
                "there is no service 'foo'; there are: eliza, echo, ",
            ),
            (
                "serve --listen 0 ech",
                "there is no service 'ech'; similar names: ",
            ),
            (
                "serve --listen 0",
                "no service is given; there are: eliza, ",
            ),
            (
                "serve 1234 echo",
                "there is no service '1234' (to listen there, use '--listen 1234'); there are: ",
            ),
            (
                "serve file",
                "there is no service 'file'; similar names: files, send-file, receive-file\n",
            ),
            ("serv", "unrecognized subcommand 'serv'\n"),
        ] {
            let error = parse(args).err().expect("it is refused").to_string();
            assert!(error.starts_with(&format!("error: {message}")), "{error}");
        }
    }

    #[test]
    fn an_address_without_its_option_is_explained() {
        for (args, address) in [
            ("serve echo 1234", "1234"),
            ("serve echo :80", ":80"),
            ("serve echo -q unix:/tmp/a", "unix:/tmp/a"),
            ("serve echo -p 1234", "1234"),
            ("serve echo -p1234", "1234"),
            ("serve -p 1234 echo", "1234"),
            ("serve echo --port=1234", "1234"),
            ("serve echo --port", "PORT"),
        ] {
            let error = parse(args).err().expect("it is refused").to_string();
            let tip = format!("tip: to listen there, use '--listen {address}'\n");
            assert!(error.contains(&tip), "{args}: {error}");
        }
        for args in ["serve echo foo", "serve echo --lisen 80", "list --port 80"] {
            let error = parse(args).err().expect("it is refused").to_string();
            assert!(!error.contains("to listen there"), "{args}: {error}");
        }
    }

    #[test]
    fn the_options_of_nc_are_explained() {
        for (args, tip) in [
            ("connect -p 1212 server 80", "'--source :PORT'"),
            ("connect -N server 80", "'--eof half'"),
            ("connect -w 3 server 80", "'--connect-timeout TIME'"),
            ("connect -q 1 server 80", "'--eof wait:1s'"),
            ("connect -uz server 80", "'--eof close < /dev/null'"),
            ("-v connect -U /run/a", "'unix:PATH'"),
        ] {
            let error = parse(args).err().expect("it is refused").to_string();
            assert!(
                error.contains("  tip: ") && error.contains(tip),
                "{args}: {error}"
            );
        }
        for args in [
            "connect a 1 2",
            "connect --eoff half a",
            "list -N",
            "get connect -N",
        ] {
            let error = parse(args).err().expect("it is refused").to_string();
            assert!(!error.contains("half'"), "{args}: {error}");
        }
    }

    #[test]
    fn an_error_does_not_write_control_characters() {
        for args in [
            "serve \x1b[31m",
            "serve echo \x1b[31m",
            "serve echo -l \x1b[31m",
            "list h\x1b[31m",
            "serve echo --max-line \x1b[31m",
        ] {
            let error = parse(args).err().expect("it is refused");
            let error = error.render().ansi().to_string();
            assert!(error.contains(r"\x1b[31m"), "{error}");
            assert!(!error.contains("'\x1b[31m'"), "{error}");
        }
    }

    #[test]
    fn every_command_prints_the_version_of_the_program() {
        let mut services = switchboard_services::all();
        let version = |services: &Services, args: &str, program| {
            let parsed = super::parse(services, program, args.split(' '));
            let error = parsed.err().expect("the version is asked for");
            assert_eq!(error.kind(), ErrorKind::DisplayVersion, "{args}: {error}");
            error.to_string()
        };
        let own = env!("CARGO_PKG_VERSION");
        for args in [
            "--version",
            "serve -V",
            "serve echo --version",
            "script run --version",
        ] {
            let args = format!("/bin/mine {args}");
            assert_eq!(
                version(&services, &args, OWN_NAME),
                format!("switchboard {own}\n")
            );
            let expected = format!("mine (switchboard {own})\n");
            assert_eq!(version(&services, &args, "mine"), expected);
        }
        let error = super::parse(&services, "mine", "mine serve foo".split(' ')).err();
        let error = error.expect("there is no such service").to_string();
        assert!(error.contains("`mine services`"), "{error}");
        services.set_version("7.8");
        let expected = format!("mine 7.8 (switchboard {own})\n");
        assert_eq!(version(&services, "mine serve chat -V", "mine"), expected);
    }
}
