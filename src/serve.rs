//! `serve`: from words to a service, its listeners and the server that brings them together.

use clap::ArgMatches;
use switchboard_core::{Address, Listener, fork, sequential};
use switchboard_services::Services;

use crate::args::{Model, ServeOptions};
use crate::failure::Failure;

/// Serves until told to stop.
pub(crate) fn run(
    services: &Services,
    options: &ServeOptions,
    matches: &ArgMatches,
    quiet: bool,
) -> Result<(), Failure> {
    let chosen = matches
        .subcommand_matches("serve")
        .and_then(ArgMatches::subcommand);
    let (name, own_options) = chosen.expect("the command line requires a service");
    let service = services.make(name, own_options)?;
    let listeners = Listener::bind(&options.listen)?;
    if !quiet {
        eprintln!(
            "{name} listens on {}; try: {}",
            places(&listeners),
            trial(&listeners[0])
        );
    }
    let serve = match options.model {
        Model::Fork => fork::serve,
        Model::Sequential => sequential::serve,
    };
    serve(listeners, &*service, &options.limits()).map_err(Failure::Serve)
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
