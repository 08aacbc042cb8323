//! A hub that has no more rooms.

use switchboard_core::{Outbox, Result, RoomEvent};

use super::*;

/// A chat where Alice is already in this many other rooms. The limit is 16 per session.
struct Crowded(usize);

struct CrowdedSession {
    rooms: Rooms,
    others: usize,
    session: Box<dyn Session>,
}

impl RoomService for Crowded {
    fn connect(&self, peer: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        let session = Chat::default().connect(peer, rooms)?;
        let others = if peer.to_string().starts_with("192.0.2.1:") {
            self.0
        } else {
            0
        };
        Ok(Box::new(CrowdedSession {
            rooms,
            others,
            session,
        }))
    }
}

impl Session for CrowdedSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        for other in 0..self.others {
            self.rooms.join(out, &other.to_string(), "");
        }
        self.session.on_open(out)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        self.session.on_message(line, out)
    }

    fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
        self.session.on_room_event(event, out)
    }
}

#[track_caller]
fn check(others: usize, lines: &str, answers: &str) {
    let mut driver = RoomDriver::new(Arc::new(Crowded(others)), Limits::default());
    driver.connect(ALICE);
    driver.send(ALICE, lines.as_bytes());
    assert_eq!(
        output(&mut driver, ALICE),
        [GREETING, answers].concat(),
        "{others}"
    );
    assert!(driver.wants_input(ALICE));
}

#[test]
fn when_the_hub_is_full_the_state_is_unchanged() {
    let crowded = "-- There are too many names and rooms now.\n";
    let ask = "-- What is your name?\n";
    let entered = "-- You are in #lobby as alice, alone.\n";
    // No room is left for a name; for the lobby; for another name or room. The last has all.
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
fn a_person_that_cannot_enter_frees_the_name() {
    let mut driver = RoomDriver::new(Arc::new(Crowded(15)), Limits::default());
    for peer in [ALICE, BOB] {
        driver.connect(peer);
        driver.send(peer, b"alice\n");
    }
    let answer = output(&mut driver, BOB);
    assert!(
        answer.ends_with("-- You are in #lobby as alice, alone.\n"),
        "{answer}"
    );
}
