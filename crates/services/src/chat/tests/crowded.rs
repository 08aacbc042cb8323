//! A hub that has no room for more.

use switchboard_core::{Outbox, Result, RoomEvent};

use super::*;

/// A chat for Alice, who is in so many other rooms already, and for others who are in none. One can
/// be in 16.
struct Crowded(usize);

struct InOthers {
    rooms: Rooms,
    others: usize,
    session: Box<dyn Session>,
}

impl RoomService for Crowded {
    fn connect(&self, peer: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        let session = Chat::new().connect(peer, rooms)?;
        let others = if peer.to_string().starts_with("192.0.2.1:") {
            self.0
        } else {
            0
        };
        Ok(Box::new(InOthers {
            rooms,
            others,
            session,
        }))
    }
}

impl Session for InOthers {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        for other in 0..self.others {
            self.rooms.join(out, &other.to_string(), "");
        }
        self.session.on_open(out)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        self.session.on_message(line, out)
    }

    fn on_room_event(&mut self, heard: &RoomEvent, out: &mut Outbox) -> Result {
        self.session.on_room_event(heard, out)
    }
}

#[track_caller]
fn check(others: usize, said: &str, answers: &str) {
    let mut driver = RoomDriver::new(Arc::new(Crowded(others)), Limits::default());
    driver.connect(ALICE);
    driver.send(ALICE, said.as_bytes());
    assert_eq!(
        heard(&mut driver, ALICE),
        [GREETING, answers].concat(),
        "{others}"
    );
    assert!(driver.wants_input(ALICE));
}

#[test]
fn without_room_nothing_changes() {
    let crowded = "-- There are too many names and rooms now.\n";
    let ask = "-- What is your name?\n";
    let entered = "-- You are in #lobby as alice, alone.\n";
    // No room for a name, for the lobby, for another name or room; and room for all.
    check(16, "alice\n/who\n", &[crowded, ask, ask].concat());
    check(15, "alice\n/who\n", &[crowded, ask, ask].concat());
    check(
        14,
        "alice\n/nick bob\n/join x\n/who\n",
        &[entered, crowded, crowded, "-- In #lobby: alice\n"].concat(),
    );
    check(
        13,
        "alice\n/nick bob\n/join x\n/who\n",
        &[
            entered,
            "-- You are called bob now.\n-- You are in #x as bob, alone.\n-- In #x: bob\n",
        ]
        .concat(),
    );
}

#[test]
fn who_finds_no_room_keeps_no_name() {
    let mut driver = RoomDriver::new(Arc::new(Crowded(15)), Limits::default());
    for who in [ALICE, BOB] {
        driver.connect(who);
        driver.send(who, b"alice\n");
    }
    let answer = heard(&mut driver, BOB);
    assert!(
        answer.ends_with("-- You are in #lobby as alice, alone.\n"),
        "{answer}"
    );
}
