//! A scene: several clients of one server, and what each of them sends and receives.

use std::collections::BTreeMap;

use super::client::Client;
use super::server::Server;

/// Clients by number.
pub(crate) struct Scene<'a> {
    clients: BTreeMap<u32, Client>,
    connect: Box<dyn FnMut(&str) -> Client + 'a>,
    greeting: &'a [&'a str],
}

impl<'a> Scene<'a> {
    /// Clients connect to the first address of the server, which sends `greeting` first.
    pub(crate) fn at(server: &'a Server, greeting: &'a [&'a str]) -> Self {
        Self::new(greeting, |_| server.connect())
    }

    /// Clients connect by `connect`, which gets the word behind `+1`.
    pub(crate) fn new(greeting: &'a [&'a str], connect: impl FnMut(&str) -> Client + 'a) -> Self {
        Self {
            clients: BTreeMap::new(),
            connect: Box::new(connect),
            greeting,
        }
    }

    #[track_caller]
    pub(crate) fn client(&mut self, number: u32) -> &mut Client {
        self.clients.get_mut(&number).expect("it has connected")
    }

    /// Plays a script, one event per line:
    ///
    /// - `+1` or `+1 WHERE`: client 1 connects and receives the greeting;
    /// - `1> TEXT`: it sends a line; `1: TEXT`: it sends the text without a line end;
    /// - `1< TEXT`: the next line it receives is this one; `1= TEXT`: the next bytes are these;
    /// - `-1`: it half-closes the connection; `!1`: it resets it;
    /// - `1.`: it receives the end of input, and nothing before it.
    #[track_caller]
    pub(crate) fn play(&mut self, script: &str) {
        let lines = script.lines().map(str::trim_start);
        for line in lines.filter(|line| !line.is_empty()) {
            let number = |digits: &str| digits.parse().expect("a number");
            if let Some(rest) = line.strip_prefix('+') {
                let (digits, place) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut client = (self.connect)(place);
                for expected in self.greeting {
                    assert_eq!(client.line(), *expected, "{line}");
                }
                self.clients.insert(number(digits), client);
            } else if let Some(digits) = line.strip_prefix('-') {
                self.client(number(digits)).shutdown_write();
            } else if let Some(digits) = line.strip_prefix('!') {
                let client = self.clients.remove(&number(digits));
                client.expect("it has connected").reset();
            } else if let Some(digits) = line.strip_suffix('.')
                && let Ok(number) = digits.parse()
            {
                let rest = self.client(number).rest();
                assert_eq!(String::from_utf8_lossy(&rest), "", "{line}");
            } else {
                self.exchange(line);
            }
        }
    }

    #[track_caller]
    fn exchange(&mut self, line: &str) {
        let end = line.find(['>', ':', '<', '=']).expect("a line is an event");
        let (digits, rest) = line.split_at(end);
        let client = self.client(digits.parse().expect("a number"));
        let (event, text) = rest.split_at(1);
        let text = text.strip_prefix(' ').unwrap_or(text);
        match event {
            ">" => client.send(format!("{text}\n")),
            ":" => client.send(text),
            "<" => assert_eq!(client.line(), text, "{line}"),
            _ => assert_eq!(client.text(text.len()), text, "{line}"),
        }
    }
}
