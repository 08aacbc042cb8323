//! `serve`: a service, its listeners and their server, from the command line.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::{ArgMatches, FromArgMatches};
use nix::ifaddrs::getifaddrs;
use switchboard_core::{
    Address, HostPort, Listener, Model, Reporting, Sanitized, Server, Service, Signals, Transport,
    UdpPolicy, notify_service_manager, raise_fd_limit, take_inherited,
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
    let listeners = Listener::bind(&options.listen_addrs(), &options.bind())?;
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
    let example = example.map_or_else(String::new, |example| format!("; try: {example}"));
    Some(format!("{name} listens on {addresses}{example}\n"))
}

fn address(listener: &Listener) -> String {
    let local = match listener.local() {
        Address::Ip(address) => HostPort::from(*address).to_string(), // names the interface of a link
        other => other.to_string(),
    };
    match listener.transport() {
        Transport::Datagram => format!("udp://{local}"),
        Transport::Stream if listener.is_dual_stack() => format!("{local} (IPv6 and IPv4)"),
        Transport::Stream => local,
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
fn group_example(group: SocketAddr, interface: Option<&Interface>) -> Option<String> {
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
    let address = quote(format!("UDP{family}-DATAGRAM:{group}{through}").as_bytes())?;
    Some(format!("socat - {address}"))
}

/// An address of the interface.
fn ipv4_address(interface: &str) -> Option<Ipv4Addr> {
    let mut interfaces = getifaddrs().ok()?.filter(|i| i.interface_name == interface);
    interfaces.find_map(|i| Some(i.address?.as_sockaddr_in()?.ip()))
}

/// The usage example of the service with the address of this listener, as a command for a POSIX
/// shell. `None` if no other client can connect.
fn usage_example(service: &dyn Service, listener: &Listener) -> Option<String> {
    let transport = listener.transport();
    let (target, address) = match listener.local() {
        Address::Stdio => return Some("type a line".to_owned()),
        _ if listener.is_single() => return None,
        Address::Ip(address) => {
            let udp = match transport {
                Transport::Stream => "",
                Transport::Datagram => "-u ",
            };
            let (host, port) = (host(*address, listener), address.port());
            let target = format!("{udp}{} {port}", quote(host.as_bytes())?);
            (target, HostPort::Host(host, port).to_string())
        }
        Address::Unix(Some(path)) => {
            let path = path.as_os_str().as_encoded_bytes();
            let path = match path.starts_with(b"-") {
                true => [b"./", path].concat(), // no option
                false => path.to_vec(),
            };
            (format!("-U {}", quote(&path)?), String::new())
        }
        _ => return None,
    };
    let example = service.config(transport).example;
    let words = example.split(' ').map(|word| {
        if !word.contains("{address}") {
            return Some(word.replace("{target}", &target));
        }
        let address = match word.contains("://") {
            true => address.replace('%', "%25"), // RFC 6874
            false => address.clone(),
        };
        quote(word.replace("{address}", &address).as_bytes())
    });
    Some(words.collect::<Option<Vec<_>>>()?.join(" "))
}

/// The host by which a client on this machine reaches an address.
fn host(address: SocketAddr, listener: &Listener) -> String {
    // nc sends datagrams to one of the addresses of a name only.
    let by_name = listener.transport() == Transport::Stream;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST => match by_name {
            true => "localhost".to_owned(),
            false => Ipv4Addr::LOCALHOST.to_string(),
        },
        IpAddr::V6(ip) if ip.is_unspecified() && listener.is_dual_stack() => "localhost".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        _ => match HostPort::from(address) {
            HostPort::Host(host, _) => host,
            _ => address.ip().to_string(),
        },
    }
}

/// A word for a POSIX shell, without characters that would act on a terminal. `None` if there is none:
/// a command substitution removes newlines at its end, and NUL.
fn quote(word: &[u8]) -> Option<String> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(byte);
    if !word.is_empty() && word.iter().all(is_plain) {
        return String::from_utf8(word.to_vec()).ok();
    }
    let shown = Sanitized(word).to_string();
    if shown.as_bytes() == word && !word.contains(&b'\t') {
        return Some(format!("'{}'", shown.replace('\'', r"'\''")));
    }
    if word.ends_with(b"\n") || word.contains(&0) {
        return None;
    }
    let octal = |&byte: &u8| match is_plain(&byte) && byte != b'%' {
        true => char::from(byte).to_string(),
        false => format!(r"\{byte:03o}"),
    };
    let format: String = word.iter().map(octal).collect();
    // A word that begins with `-` would be an option of printf.
    Some(format!("\"$(printf -- '{format}')\""))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(word: &str, quoted: &str) {
        assert_eq!(quote(word.as_bytes()).as_deref(), Some(quoted));
    }

    #[test]
    fn words_are_quoted_where_necessary() {
        check("/run/a-b_c.socket", "/run/a-b_c.socket");
        check("", "''");
        check("a b", "'a b'");
        check("it's", r"'it'\''s'");
        check("~", "'~'");
        check("$(reboot)", "'$(reboot)'");
        check("[::1]:7", "'[::1]:7'");
        check("Zoë", "'Zoë'");
        check("a\tb%", r#""$(printf -- 'a\011b\045')""#);
        assert_eq!(quote(b"a\n"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn a_shell_reads_the_word_again(word in "[ -~\t\n\x1b\u{80}-\u{100}\u{200b}]{0,12}") {
            if let Some(quoted) = quote(word.as_bytes()) {
                prop_assert!(!quoted.chars().any(Sanitized::escapes));
                let mut shell = Command::new("sh");
                let output = shell.args(["-c", &format!("printf %s {quoted}")]).output();
                prop_assert_eq!(output.expect("sh is installed").stdout, word.as_bytes());
            }
        }
    }
}
