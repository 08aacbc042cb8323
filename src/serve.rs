//! `serve`: a service, its listeners and their server, from the command line.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;

use clap::{ArgMatches, FromArgMatches};
use switchboard_core::{
    Address, Listener, Model, Reporting, Server, Service, Signals, Transport, UdpPolicy,
    notify_service_manager, raise_fd_limit, take_inherited,
};
use switchboard_services::Services;
use tracing::{debug, warn};

use crate::args::ServeOptions;
use crate::error::Failure;
use crate::log;

/// Runs `serve`, until a signal stops it.
pub(crate) fn run(services: &Services, matches: &ArgMatches, quiet: bool) -> Result<(), Failure> {
    let (name, matches) = matches
        .subcommand()
        .expect("the command line requires a service");
    let options = ServeOptions::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let service = services.make(name, matches)?;
    let ready = options.ready_fd.map(ready_at).transpose()?;
    let listeners = Listener::bind(&options.listen_addrs(), options.bind())?;
    check_transports(name, &*service, &listeners)?;
    let mut reporting = Reporting::default();
    reporting.json = options.json;
    reporting.write = log::write;
    if options.model == Model::Sequential && service.rooms().is_some() {
        warn!("--model sequential serves one client at a time: its rooms have one member");
    }
    let signals = Signals::block().map_err(Failure::Serve)?;
    raise_fd_limit().ok(); // with fewer, clients wait in the backlog
    let announcement = (!quiet).then(|| announcement(name, &*service, &listeners));
    let announce = move || {
        if let Some(line) = announcement.flatten() {
            log::write(line.as_bytes());
        }
        if let Some((number, mut ready)) = ready {
            let written = ready.write_all(b"\n");
            written.map_err(|error| io::Error::other(Failure::Ready(number, error)))?;
        }
        notify_service_manager("READY=1");
        Ok(())
    };
    Server::from(service)
        .limits(options.limits())
        .model(options.model)
        .signals(signals)
        .reporting(reporting)
        .on_ready(announce)
        .serve(listeners)
        .map_err(|error| error.downcast().unwrap_or_else(Failure::Serve))
}

fn ready_at(number: u16) -> Result<(u16, File), Failure> {
    let fd = take_inherited(number).map_err(|error| Failure::Ready(number, error))?;
    Ok((number, File::from(fd)))
}

/// Refuses to listen on UDP with a service that does not support it.
fn check_transports(
    name: &str,
    service: &dyn Service,
    listeners: &[Listener],
) -> Result<(), Failure> {
    let is_udp = |listener: &Listener| listener.transport() == Transport::Datagram;
    if listeners.iter().any(is_udp) {
        match service.config(Transport::Datagram).udp {
            UdpPolicy::Unsupported(reason) => {
                return Err(Failure::UdpPolicy(name.to_owned(), reason));
            }
            UdpPolicy::Limited {
                bytes,
                factor,
                reason,
            } => debug!(
                bytes,
                factor, "limit until a UDP address is validated: {reason}"
            ),
            UdpPolicy::DedicatedPort { bytes, reason } => {
                debug!(bytes, "limit until a UDP address is validated: {reason}");
            }
            _ => (),
        }
    }
    Ok(())
}

/// The line with the addresses, and a command that connects to the first one. A server for one client,
/// as a super-server starts it, logs it only on a terminal.
fn announcement(name: &str, service: &dyn Service, listeners: &[Listener]) -> Option<String> {
    if listeners.iter().all(Listener::is_single) && !io::stderr().is_terminal() {
        return None;
    }
    let addresses: Vec<String> = listeners.iter().map(address).collect();
    let addresses = addresses.join(" and ");
    let example = usage_example(service, &listeners[0]);
    Some(format!("{name} listens on {addresses}; try: {example}\n"))
}

fn address(listener: &Listener) -> String {
    let local = listener.local();
    match listener.transport() {
        Transport::Datagram => format!("udp://{local}"),
        Transport::Stream if listener.is_dual_stack() => format!("{local} (IPv6 and IPv4)"),
        Transport::Stream => local.to_string(),
    }
}

/// The usage example of the service, with the address of this listener.
fn usage_example(service: &dyn Service, listener: &Listener) -> String {
    let transport = listener.transport();
    let udp = match transport {
        Transport::Stream => "",
        Transport::Datagram => "-u ",
    };
    let (target, address) = match listener.local() {
        Address::Ip(address) => {
            let (host, port) = (host(*address, transport), address.port());
            let host_port = match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            };
            (format!("{udp}{host} {port}"), host_port)
        }
        Address::Unix(Some(path)) => (format!("-U {}", path.display()), String::new()),
        _ => return "type a line".to_owned(),
    };
    let example = service.config(transport).example;
    example
        .replace("{target}", &target)
        .replace("{address}", &address)
}

/// The host by which a client on this machine reaches an address.
fn host(address: SocketAddr, transport: Transport) -> String {
    let is_here = address.ip().is_loopback() || address.ip().is_unspecified();
    match (transport, address.is_ipv4()) {
        _ if !is_here => address.ip().to_string(),
        (Transport::Stream, _) => "localhost".to_owned(),
        (Transport::Datagram, true) => "127.0.0.1".to_owned(), // nc sends datagrams to one of a name's addresses
        (Transport::Datagram, false) => "::1".to_owned(),
    }
}
