//! Ports of the text, and those that servers really have.

/// The command of a server with port 0 in place of each port, and these ports.
pub(super) fn at_free_ports(command: &str) -> (String, Vec<String>) {
    let words: Vec<&str> = command.split(' ').collect();
    let mut ports = Vec::new();
    let mut changed = command.to_owned();
    let addresses = words
        .windows(2)
        .filter(|pair| pair[0] == "--listen")
        .map(|pair| pair[1]);
    for address in addresses {
        let digits = address.len() - address.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (rest, port) = address.split_at(address.len() - digits);
        if !port.is_empty() && (rest.is_empty() || rest.ends_with([':', '/'])) {
            ports.push(port.to_owned());
            changed = changed.replacen(
                &format!("--listen {address}"),
                &format!("--listen {rest}0"),
                1,
            );
        }
    }
    if !command.contains("--listen ") {
        ports.push("1212".to_owned());
        let service = words[..3].join(" ");
        changed = changed.replacen(&service, &format!("{service} --listen 0"), 1);
    }
    (changed, ports)
}

/// The ports that a server says it listens at, each once.
pub(super) fn ports_in(announcement: &str) -> Vec<String> {
    let addresses = announcement
        .split_once(';')
        .map_or(announcement, |(addresses, _)| addresses);
    let mut ports: Vec<String> = Vec::new();
    for word in addresses.split_whitespace() {
        let port = word.rsplit_once(':').map(|(_, port)| port.to_owned());
        let port = port.filter(|port| port.parse::<u16>().is_ok() && !ports.contains(port));
        ports.extend(port);
    }
    ports
}

/// The text with other ports in place of those that it has.
pub(super) fn with_ports<'p>(
    text: &str,
    ports: impl Iterator<Item = (&'p String, &'p String)>,
) -> String {
    ports.fold(text.to_owned(), |text, (old, new)| {
        let mut pieces = text.split(old.as_str()).peekable();
        let mut changed = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
            let is_whole =
                !is_digit(changed.chars().next_back()) && !is_digit(piece.chars().next());
            changed.push_str(if is_whole { new } else { old });
            changed.push_str(piece);
        }
        changed
    })
}

#[test]
fn ports_are_replaced() {
    let (command, ports) = at_free_ports("switchboard serve exec --listen udp://:69 -- sort");
    assert_eq!(
        (command.as_str(), ports),
        (
            "switchboard serve exec --listen udp://:0 -- sort",
            vec!["69".to_owned()]
        )
    );
    let (command, ports) = at_free_ports("switchboard serve echo -v");
    assert_eq!(
        (command.as_str(), ports),
        (
            "switchboard serve echo --listen 0 -v",
            vec!["1212".to_owned()]
        )
    );
    let said = "echo listens on 127.0.0.1:4242 and [::1]:4242; try: nc localhost 4242";
    assert_eq!(ports_in(said), ["4242"]);
    let ports = [("1212".to_owned(), "4242".to_owned())];
    let ports = || ports.iter().map(|(text, real)| (text, real));
    assert_eq!(
        with_ports("nc localhost 1212 12120", ports()),
        "nc localhost 4242 12120"
    );
}
