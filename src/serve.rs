//! `serve`: a service, its listeners and their server, from the command line.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};

use clap::{ArgMatches, FromArgMatches};
use nix::ifaddrs::getifaddrs;
use switchboard_core::{
    Address, Listener, Model, Reporting, Server, Service, Signals, Transport, UdpPolicy,
    notify_service_manager, raise_fd_limit, take_inherited,
};
use switchboard_services::Services;
use tracing::{debug, warn};

use crate::args::{Interface, ServeOptions};
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
    check_transports(name, &*service, &listeners, options.interface.is_some())?;
    let mut reporting = Reporting::default();
    reporting.json = options.json;
    reporting.write = log::write;
    if options.model == Model::Sequential && service.rooms().is_some() {
        warn!("--model sequential serves one client at a time: its rooms have one member");
    }
    let signals = Signals::block().map_err(Failure::Serve)?;
    raise_fd_limit().ok(); // with fewer, clients wait in the backlog
    let announcement =
        (!quiet).then(|| announcement(name, &*service, &listeners, options.interface.as_ref()));
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

/// Refuses to listen on UDP, or on a multicast group, with a service that does not support it, and an
/// interface without a group.
fn check_transports(
    name: &str,
    service: &dyn Service,
    listeners: &[Listener],
    has_interface: bool,
) -> Result<(), Failure> {
    let is_udp = |listener: &Listener| listener.transport() == Transport::Datagram;
    let has_group = listeners.iter().any(|listener| group(listener).is_some());
    if has_interface && !has_group {
        let text = "--interface is for multicast groups: --listen udp://239.1.2.3:PORT";
        return Err(Failure::Usage(text.to_owned()));
    }
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
            UdpPolicy::DedicatedPort { .. } if has_group => {
                let reason = "TFTP requests are not sent to multicast groups";
                return Err(Failure::UdpPolicy(name.to_owned(), reason));
            }
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
fn announcement(
    name: &str,
    service: &dyn Service,
    listeners: &[Listener],
    interface: Option<&Interface>,
) -> Option<String> {
    if listeners.iter().all(Listener::is_single) && !io::stderr().is_terminal() {
        return None;
    }
    let addresses: Vec<String> = listeners.iter().map(address).collect();
    let addresses = addresses.join(" and ");
    let example = match group(&listeners[0]) {
        None => usage_example(service, &listeners[0]),
        Some(group) => group_example(group, interface),
    };
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

/// The multicast group that the listener has joined.
fn group(listener: &Listener) -> Option<SocketAddr> {
    match listener.local() {
        Address::Ip(local) if local.ip().is_multicast() => Some(*local),
        _ => None,
    }
}

/// A client of a group: `nc` accepts no answer from another address than the one that it sends to.
fn group_example(group: SocketAddr, interface: Option<&Interface>) -> String {
    let family = if group.is_ipv4() { 4 } else { 6 };
    let through = match interface {
        // An answer from this machine does not reach a socket that is bound to the device.
        Some(Interface { name, .. }) if group.is_ipv4() => {
            let address = ipv4_address(name).map(|ip| format!(",ip-multicast-if={ip}"));
            address.unwrap_or_default()
        }
        Some(Interface { name, .. }) => format!(",so-bindtodevice={name}"),
        None => String::new(),
    };
    format!("socat - UDP{family}-DATAGRAM:{group}{through}")
}

/// An address of the interface.
fn ipv4_address(interface: &str) -> Option<Ipv4Addr> {
    let mut interfaces = getifaddrs().ok()?.filter(|i| i.interface_name == interface);
    interfaces.find_map(|i| Some(i.address?.as_sockaddr_in()?.ip()))
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
