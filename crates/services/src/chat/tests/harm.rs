//! What is meant to act on the terminal of somebody else.

use proptest::prelude::*;
use switchboard_core::{Flow, Outbox, Result};

use super::*;

/// Whether a terminal, or a reader, takes this to be something else than text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'..='\u{e007f}')
}

/// Says of every line whether it may be seen by somebody at a terminal.
fn is_harmless(all: &str) -> bool {
    !all.replace("\r\n", "\n")
        .split('\n')
        .any(|line| line.contains(acts))
}

/// Somebody whose session was taken over, at 192.0.2.9: it joins rooms under whatever name, and
/// posts whatever it likes.
struct WithRogue(Chat);

struct Rogue(Rooms);

impl RoomService for WithRogue {
    fn connect(&self, peer: &Peer, rooms: Rooms) -> Result<Box<dyn Session>, Refusal> {
        if peer.to_string().starts_with("192.0.2.9:") {
            return Ok(Box::new(Rogue(rooms)));
        }
        self.0.connect(peer, rooms)
    }
}

impl Session for Rogue {
    fn on_message(&mut self, said: &[u8], out: &mut Outbox) -> Result {
        for room in ["#lobby", "@alice"] {
            self.0.join(out, room, &String::from_utf8_lossy(said));
            self.0.post(out, room, said);
            for kind in [b'+', b'-', b'@'] {
                self.0.post(out, room, &[&[kind], said].concat());
            }
        }
        Ok(Flow::Continue)
    }
}

/// Alice, and the rogue, who says these lines.
fn with_rogue<L: AsRef<[u8]>>(lines: &[L]) -> RoomDriver {
    let mut driver = RoomDriver::new(Arc::new(WithRogue(chat(""))), Limits::default());
    driver.connect(ALICE);
    driver.send(ALICE, b"alice\n");
    driver.received(ALICE);
    driver.connect(9);
    for line in lines {
        driver.send(9, &[line.as_ref(), b"\n"].concat());
    }
    driver
}

#[test]
fn a_post_is_read_only_where_it_belongs() {
    // What is said and a notice in the room, and what is for her alone from her own.
    let mut driver = with_rogue(&["x"]);
    assert_eq!(heard(&mut driver, ALICE), "-- x is here.\nx\n-- x\nx\n");
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let acting = prop::sample::select(vec![
        "\x1b[2J", "\x07", "\x08", "\t", "\u{9b}", "\u{202e}", "\u{2028}", "\u{ad}", "\x7f", "\0",
        " ", "x",
    ]);
    let text = prop::collection::vec(acting, 0..6).prop_map(|parts| parts.concat().into_bytes());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..30), text]
}

proptest! {
    #[test]
    fn nothing_that_acts_reaches_anybody(
        lines in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "", "//", "/", "/me ", "/msg bob ", "/msg ", "/nick ", "/nick z", "/join ", "eliza, ",
                    "/join z", "/leave", "/who ", "/msg eliza ",
                ]),
                bytes(),
                prop::sample::select(vec!["\n", "\r\n", "\r"]),
            ),
            0..12,
        ),
    ) {
        let mut driver = driver("--with-eliza", 64 * 1024);
        for (who, name) in [(ALICE, "alice\n"), (BOB, "bob\n")] {
            driver.connect(who);
            driver.send(who, name.as_bytes());
        }
        for (command, bytes, end) in lines {
            driver.send(ALICE, &[command.as_bytes(), &bytes, end.as_bytes()].concat());
        }
        let [alice, bob] = [ALICE, BOB].map(|who| heard(&mut driver, who));
        prop_assert!(is_harmless(&alice), "{alice:?}");
        prop_assert!(is_harmless(&bob), "{bob:?}");
        let marks = ["-- ", "* ", "[", "| "];
        let is_marked = |line: &str| {
            let name = line.split_once(": ").map(|(name, _)| name);
            marks.iter().any(|mark| line.starts_with(mark))
                || name.is_some_and(|name| name::Name::parse(name).is_some())
        };
        prop_assert!(bob.lines().all(is_marked), "{bob:?}");
    }

    #[test]
    fn no_post_does_harm(said in prop::collection::vec(bytes(), 1..6)) {
        let mut driver = with_rogue(&said);
        driver.send(ALICE, b"/who\n");
        let all = heard(&mut driver, ALICE);
        prop_assert!(is_harmless(&all), "{all:?}");
        prop_assert!(driver.close_reason(ALICE).is_none());
    }
}
