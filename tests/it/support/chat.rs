//! The begin of a chat, for tests of the service and of rooms.

use super::client::Client;

/// What the service sends first.
pub(crate) const GREETING: [&str; 2] = [
    "-- Welcome to the chat; /help tells how it works.",
    "-- What is your name?",
];

/// A scene: alice and bob enter the lobby, as clients 1 and 2.
pub(crate) const ALICE_AND_BOB: &str = "
    +1
    1> alice
    1< -- You are in #lobby as alice, alone.
    +2
    2> bob
    2< -- You are in #lobby as bob, with 1 other.
    1< -- bob is here.
";

/// Reads the greeting and enters the lobby under this name.
#[track_caller]
pub(crate) fn enter(client: &mut Client, name: &str) {
    for line in GREETING {
        assert_eq!(client.line(), line);
    }
    client.send(format!("{name}\n"));
    assert!(client.line().contains(&format!("as {name}, ")));
}
