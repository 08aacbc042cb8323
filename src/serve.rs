//! `serve`: from words to a service, its listeners and the server that brings them together.

use std::io::{self, Write};

use clap::{ArgMatches, FromArgMatches};
use switchboard_core::{Address, Listener, Reporting, Signals, events, fork, sequential, threads};
use switchboard_services::Services;

use crate::args::{Model, ServeOptions};
use crate::failure::Failure;
use crate::log;

/// Serves until told to stop.
pub(crate) fn run(services: &Services, matches: &ArgMatches, quiet: bool) -> Result<(), Failure> {
    let (name, words) = matches
        .subcommand()
        .expect("the command line requires a service");
    let service = services.make(name, words)?;
    let options = ServeOptions::from_arg_matches(words).unwrap_or_else(|error| error.exit());
    let signals = Signals::block(Reporting {
        json: options.json,
        write: log::write,
    })
    .map_err(Failure::Serve)?;
    let listeners = Listener::bind(&options.places(), options.bind())?;
    if !quiet {
        let (places, trial) = (places(&listeners), trial(&listeners[0]));
        // A server that nobody watches serves all the same.
        writeln!(io::stderr(), "{name} listens on {places}; try: {trial}").ok();
    }
    let limits = options.limits();
    let served = match options.model {
        Model::Fork => fork::serve(listeners, service, &limits, signals),
        Model::Threads => threads::serve(listeners, service, &limits, signals),
        Model::Events => events::serve(listeners, service, &limits, signals),
        Model::Sequential => sequential::serve(listeners, service, &limits, signals),
    };
    served.map_err(Failure::Serve)
}

fn places(listeners: &[Listener]) -> String {
    let places: Vec<String> = listeners
        .iter()
        .map(|listener| {
            let both = if listener.is_dual_stack() {
                " (IPv6 and IPv4)"
            } else {
                ""
            };
            format!("{}{both}", listener.local())
        })
        .collect();
    places.join(" and ")
}

/// The command by which a person here can try it.
fn trial(listener: &Listener) -> String {
    match listener.local() {
        Address::Ip(address) if address.ip().is_loopback() || address.ip().is_unspecified() => {
            format!("nc localhost {}", address.port())
        }
        Address::Ip(address) => format!("nc {} {}", address.ip(), address.port()),
        Address::Unix(Some(path)) => format!("nc -U {}", path.display()),
        Address::Unix(None) | Address::Stdio => "type a line".to_owned(),
    }
}
