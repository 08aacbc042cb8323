//! One person in the chat.

mod hearing;
mod naming;

use switchboard_core::{Flow, Outbox, Result, RoomEvent, Rooms, Session};

use crate::chat::allowance::Allowance;
use crate::chat::friend::Friend;
use crate::chat::name::Name;
use crate::chat::plain;
use crate::chat::post::Kind;
use crate::chat::said::{HELP, Said};

/// One person: at first without a name, then in one room after the other.
///
/// While it waits for the hub, or for its allowance to recover, nothing more is heard from its peer.
/// So lines that come all at once have the same effect as lines that come one by one.
pub(super) struct Chatting {
    rooms: Rooms,
    name: Option<Name>, // its own, whatever becomes of the room
    room: Name,         // where it is, or will be as soon as it has a name
    awaited: Option<Awaited>,
    held: Option<String>, // a line, until the allowance has recovered
    allowance: Allowance,
    friend: Option<Friend>,
}

/// What the hub was asked. Only one thing at a time is.
enum Awaited {
    /// Whether this name is free, for somebody who wanted to be called so, and how many were tried.
    Name {
        name: Name,
        wanted: Name,
        tries: u32,
    },
    /// To go by the new name in the room.
    Renamed,
    /// To be in this room.
    Room(Name),
    /// Who is in the room.
    Members,
    /// To tell somebody something, and whether anybody of that name heard it.
    Private { to: Name, text: String, heard: bool },
}

impl Chatting {
    /// Somebody who comes in.
    pub(super) fn new(rooms: Rooms, allowance: Allowance, friend: Option<Friend>) -> Self {
        Self {
            rooms,
            name: None,
            room: lobby(),
            awaited: None,
            held: None,
            allowance,
            friend,
        }
    }

    /// Does what a line says, if it may be done now; else keeps it.
    fn pass(&mut self, line: String, out: &mut Outbox) -> Flow {
        let Some(name) = self.name.clone() else {
            return self.introduce(&line, out);
        };
        if self.allowance.take(line.len(), out) {
            return self.say(&name, &line, out);
        }
        if self.allowance.begins_flood() {
            let pace = self.allowance.pace();
            let words = "You say much at once: all of it is passed on,";
            tell(out, &format!("{words} {pace} lines a second."));
        }
        self.held = Some(line);
        self.flow()
    }

    fn say(&mut self, name: &Name, line: &str, out: &mut Outbox) -> Flow {
        let room = self.room.room();
        match Said::read(line) {
            Said::Words(words) => {
                self.rooms
                    .post(out, &room, &Kind::Said.post(&format!("{name}: {words}")));
                if let (Some(friend), Some(words)) = (&mut self.friend, Friend::addressed(words)) {
                    let answer = format!("{}: {}", Friend::NAME, friend.reply(words));
                    self.rooms.post(out, &room, &Kind::Said.post(&answer));
                    show(out, "", answer.as_bytes());
                }
            }
            Said::Action(action) => {
                self.rooms
                    .post(out, &room, &Kind::Said.post(&format!("* {name} {action}")));
            }
            Said::Nick(new) => self.rename(name, new, out),
            Said::Who => {
                self.rooms.list_members(out, &room);
                self.awaited = Some(Awaited::Members);
            }
            Said::Join(new) => match Name::parse(new.strip_prefix('#').unwrap_or(new)) {
                Some(new) => self.go(name, new, out),
                None => tell(out, &format!("The name of a room is {}.", Name::RULE)),
            },
            Said::Leave => self.go(name, lobby(), out),
            Said::Private(to, text) => self.whisper(name, to, text, out),
            Said::Help => self.help(out),
            Said::Quit => return goodbye(out),
            Said::Unfinished(usage) => tell(out, &format!("That is used so: {usage}")),
            Said::Unknown(command) => {
                let words = format!("There is no command /{command}; /help tells those there are.");
                tell(out, &(words + " To say it, begin with //."));
            }
        }
        self.flow()
    }

    /// Goes to another room, and out of the one it was in as soon as it is there.
    fn go(&mut self, name: &Name, room: Name, out: &mut Outbox) {
        if room.is(&self.room) {
            return tell(out, &format!("You are in {} already.", room.room()));
        }
        self.rooms.join(out, &room.room(), name.as_str());
        self.awaited = Some(Awaited::Room(room));
    }

    fn whisper(&mut self, name: &Name, to: &str, text: &str, out: &mut Outbox) {
        match (Name::parse(to), &mut self.friend) {
            (None, _) => tell(out, &format!("Nobody is called {to}.")),
            (Some(to), _) if to.is(name) => tell(out, "That is you."),
            (Some(to), Some(friend)) if Friend::is_called(&to) => {
                show(out, &format!("[you to {to}] "), text.as_bytes());
                let answer = friend.reply(text);
                show(out, &format!("[{to} to you] "), answer.as_bytes());
            }
            (Some(to), _) => {
                let post = Kind::Private.post(&format!("[{name} to you] {text}"));
                self.rooms.post(out, &to.claim(), &post);
                self.rooms.list_members(out, &to.claim()); // if the post is unheard, that is told before the answer
                let (text, heard) = (text.to_owned(), true);
                self.awaited = Some(Awaited::Private { to, text, heard });
            }
        }
    }

    fn help(&self, out: &mut Outbox) {
        HELP.lines().for_each(|line| tell(out, line));
        if self.friend.is_some() {
            let name = Friend::NAME;
            tell(
                out,
                &format!("A friend is in every room: say \"{name}, ...\""),
            );
        }
    }

    /// How to go on: nothing more is heard from the peer while anything is waited for.
    fn flow(&self) -> Flow {
        match (&self.awaited, &self.held) {
            (None, None) => Flow::Continue,
            _ => Flow::PauseInput,
        }
    }
}

impl Session for Chatting {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        tell(out, "Welcome to the chat; /help tells how it works.");
        tell(out, ASK);
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let line = plain(line);
        Ok(match line.trim().is_empty() {
            true => self.flow(),
            false => self.pass(line, out),
        })
    }

    fn on_room_event(&mut self, heard: &RoomEvent, out: &mut Outbox) -> Result {
        if let Some(asked) = self.awaited.take() {
            self.awaited = self.answered(asked, heard, out);
        }
        self.note(heard, out);
        Ok(match heard {
            RoomEvent::TooSlow => Flow::Close,
            _ => self.flow(),
        })
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        self.allowance.recover(out);
        Ok(match self.held.take() {
            Some(line) => self.pass(line, out),
            None => self.flow(),
        })
    }

    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        tell(out, "The server stops.");
        Ok(goodbye(out))
    }
}

fn lobby() -> Name {
    Name::parse("lobby").expect("that is a name")
}

/// Says something of the server's own, which nobody else can: no name begins like this.
fn tell(out: &mut Outbox, words: &str) {
    show(out, NOTICE, words.as_bytes());
}

/// The only way to a peer. What others posted was made plain by their sessions; but those run in
/// processes of their own, which need not be what they were.
fn show(out: &mut Outbox, mark: &str, text: &[u8]) {
    out.send(plain(&[mark.as_bytes(), text].concat()).as_bytes());
}

fn goodbye(out: &mut Outbox) -> Flow {
    tell(out, "Goodbye.");
    Flow::Close
}

const NOTICE: &str = "-- ";
const ASK: &str = "What is your name?";
