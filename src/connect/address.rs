//! The address of the server, from the arguments.

use std::net::Ipv6Addr;

use switchboard_core::ListenAddr;

/// Reads `ADDR`, or `HOST PORT` as nc has it. `udp` is the option of that name.
///
/// # Errors
///
/// No connection can be made to such an address; the text says what to write instead.
pub(super) fn parse(address: &str, port: Option<&str>, udp: bool) -> Result<ListenAddr, String> {
    let text = match port {
        Some(port) => join(address, port)?,
        None => address.to_owned(),
    };
    for transport in ["udp", "tcp"] {
        if let Some(rest) = text.strip_prefix(&format!("{transport}:"))
            && !rest.starts_with("//")
        {
            return Err(format!(
                "'{text}' would be a host with the name '{transport}': use {transport}://{rest} (or \
                 tcp://{text} for that host)"
            ));
        }
    }
    match text.parse().map_err(|error| format!("{error}"))? {
        ListenAddr::Fd(_) | ListenAddr::Stdio => Err(format!(
            "'{text}' is an open descriptor, which is nothing to connect to: use HOST:PORT or unix:PATH"
        )),
        ListenAddr::Tcp(host) | ListenAddr::Udp(host) if host.port() == 0 => {
            Err("port 0 cannot be connected to: a port is a number from 1 to 65535".to_owned())
        }
        ListenAddr::Tcp(host) if udp && text.starts_with("tcp://") => Err(format!(
            "--udp and tcp:// contradict each other: use udp://{host}"
        )),
        ListenAddr::Tcp(host) if udp => Ok(ListenAddr::Udp(host)),
        ListenAddr::Unix(_) if udp => Err("--udp requires HOST:PORT".to_owned()),
        address => Ok(address),
    }
}

/// `HOST PORT` as one text. An IPv6 address may have brackets, and an interface (`fe80::1%eth0`).
fn join(address: &str, port: &str) -> Result<String, String> {
    if address.starts_with("unix:") {
        return Err(format!("a Unix socket has no port: leave out '{port}'"));
    }
    let (scheme, host) = match address.split_once("://") {
        Some((scheme, host)) => (format!("{scheme}://"), host),
        None => (String::new(), address),
    };
    let ip = host.split('%').next().unwrap_or(host);
    if ip.parse::<Ipv6Addr>().is_ok() {
        Ok(format!("{scheme}[{host}]:{port}"))
    } else if host.contains(':') && !host.ends_with(']') {
        Err(format!(
            "'{address}' has a port already: leave out '{port}'"
        ))
    } else {
        Ok(format!("{scheme}{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_argument_or_two() {
        for (address, port, udp, expected) in [
            ("1212", None, false, "1212"),
            (":1212", None, false, ":1212"),
            ("localhost", None, false, "localhost:1212"),
            ("server:80", None, false, "server:80"),
            ("server", Some("80"), false, "server:80"),
            ("server", Some("80"), true, "udp://server:80"),
            ("udp://server", Some("80"), false, "udp://server:80"),
            ("udp://server:80", None, true, "udp://server:80"),
            ("::1", Some("80"), false, "[::1]:80"),
            ("[::1]", Some("80"), false, "[::1]:80"),
            ("udp://::1", Some("80"), false, "udp://[::1]:80"),
            ("fe80::1%eth0", Some("80"), false, "[fe80::1%eth0]:80"),
            ("tcp://udp:80", None, false, "udp:80"),
            ("unix:/run/a", None, false, "unix:/run/a"),
            ("unix:@a", None, false, "unix:@a"),
        ] {
            let parsed = parse(address, port, udp).map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), Ok(expected), "{address} {port:?}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_connected_to_is_explained() {
        for (address, port, udp, expected) in [
            ("fd:3", None, false, "'fd:3' is an open descriptor"),
            ("-", None, false, "'-' is an open descriptor"),
            ("server:0", None, false, "port 0 cannot be connected to"),
            ("server", Some("0"), true, "port 0 cannot be connected to"),
            (
                "udp:1212",
                None,
                false,
                "'udp:1212' would be a host with the name 'udp': use udp://1212",
            ),
            (
                "unix:a",
                Some("80"),
                false,
                "a Unix socket has no port: leave out '80'",
            ),
            ("unix:a", None, true, "--udp requires HOST:PORT"),
            (
                "tcp://a:80",
                None,
                true,
                "--udp and tcp:// contradict each other: use udp://a:80",
            ),
            (
                "server:80",
                Some("81"),
                false,
                "'server:80' has a port already: leave out '81'",
            ),
            (
                "server",
                Some("http"),
                false,
                "a port is a number from 0 to 65535, not 'http'",
            ),
            (
                "server",
                Some("65536"),
                false,
                "a port is a number from 0 to 65535, not '65536'",
            ),
            ("::1", None, false, "an IPv6 address needs brackets: [::1]"),
            ("http://server", None, false, "unknown scheme 'http://'"),
        ] {
            let error = parse(address, port, udp).expect_err(address);
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
