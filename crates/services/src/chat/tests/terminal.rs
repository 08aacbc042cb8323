//! Attempts to act on the terminal of another person.

use proptest::prelude::*;
use switchboard_core::{Flow, Outbox, Result};

use super::*;

/// Whether a terminal does not display this character as text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'..='\u{e007f}')
}

/// Whether a terminal displays every line as it is.
fn is_plain(all: &str) -> bool {
    !all.replace("\r\n", "\n")
        .split('\n')
        .any(|line| line.contains(acts))
}

/// A chat where the session of the peer at 192.0.2.9 is compromised: it joins rooms by any name, and
/// posts any bytes.
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
    fn on_message(&mut self, bytes: &[u8], out: &mut Outbox) -> Result {
        for room in ["#lobby", "@alice"] {
            self.0.join(out, room, &String::from_utf8_lossy(bytes));
            self.0.post(out, room, bytes);
            for kind in [b'+', b'-', b'@'] {
                self.0.post(out, room, &[&[kind], bytes].concat());
            }
        }
        Ok(Flow::Continue)
    }
}

/// Alice, and the rogue after it has sent these lines.
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
fn a_post_is_shown_only_in_the_right_room() {
    // A message and a notice from the chat room, and a private message from her claim room.
    let mut driver = with_rogue(&["x"]);
    assert_eq!(output(&mut driver, ALICE), "-- x is here.\nx\n-- x\nx\n");
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
    fn only_plain_text_reaches_a_peer(
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
        for (peer, name) in [(ALICE, "alice\n"), (BOB, "bob\n")] {
            driver.connect(peer);
            driver.send(peer, name.as_bytes());
        }
        for (command, bytes, end) in lines {
            driver.send(ALICE, &[command.as_bytes(), &bytes, end.as_bytes()].concat());
        }
        let [alice, bob] = [ALICE, BOB].map(|peer| output(&mut driver, peer));
        prop_assert!(is_plain(&alice), "{alice:?}");
        prop_assert!(is_plain(&bob), "{bob:?}");
        let marks = ["-- ", "* ", "[", "| "];
        let is_marked = |line: &str| {
            let name = line.split_once(": ").map(|(name, _)| name);
            marks.iter().any(|mark| line.starts_with(mark))
                || name.is_some_and(|name| name::Name::parse(name).is_some())
        };
        prop_assert!(bob.lines().all(is_marked), "{bob:?}");
    }

    #[test]
    fn any_post_is_shown_as_plain_text(posts in prop::collection::vec(bytes(), 1..6)) {
        let mut driver = with_rogue(&posts);
        driver.send(ALICE, b"/who\n");
        let all = output(&mut driver, ALICE);
        prop_assert!(is_plain(&all), "{all:?}");
        prop_assert!(driver.close_reason(ALICE).is_none());
    }
}
