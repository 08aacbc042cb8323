//! The session of one person.

use std::sync::Arc;

use switchboard_core::{
    Flow, LeaveReason, Member, Outbox, Post, Result, RoomEvent, Rooms, Sanitized, Session,
    without_zero_width,
};
use switchboard_eliza::Conversation;

use crate::chat::bot;
use crate::chat::command::{Command, HELP};
use crate::chat::message::{self, Kind};
use crate::chat::name::Name;
use crate::chat::rate_limit::RateLimit;

/// One person, first without a name, then in one room at a time.
///
/// Input pauses while a request to the hub is pending or a line waits for the rate limit. So lines
/// that arrive together have the same effect as lines that arrive one by one.
pub(super) struct ChatSession {
    rooms: Rooms,
    name: Option<Name>,
    room: Name, // the current one; without a name, the one to enter
    pending: Option<Request>,
    delayed: Option<String>, // a line that waits for the rate limit
    rate_limit: RateLimit,
    bot: Option<Conversation>,
}

/// A request to the hub. There is at most one at a time.
enum Request {
    /// Whether a name is free.
    Claim(Claim),
    /// To use the new name in the current room.
    Rename,
    /// To enter this room.
    Join(Name),
    /// The members of the current room.
    Members,
    /// To deliver a private message.
    Private(PrivateMessage),
}

struct Claim {
    name: Name,
    wanted: Name, // as the person typed it
    tries: u32,   // `name` is this variant of it, from 1
}

struct PrivateMessage {
    to: Name,
    text: String,
    delivered: bool, // unless the hub reports that there was no receiver
}

impl Claim {
    /// The wanted name itself is tried first.
    fn first(wanted: Name) -> Self {
        Self {
            name: wanted.clone(),
            wanted,
            tries: 1,
        }
    }
}

impl ChatSession {
    pub(super) fn new(rooms: Rooms, rate_limit: RateLimit, bot: Option<Conversation>) -> Self {
        Self {
            rooms,
            name: None,
            room: lobby(),
            pending: None,
            delayed: None,
            rate_limit,
            bot,
        }
    }

    /// Executes a line, or delays it if the rate limit is reached.
    fn on_line(&mut self, line: String, out: &mut Outbox) -> Flow {
        let Some(name) = self.name.clone() else {
            return self.introduce(&line, out);
        };
        if self.rate_limit.take(line.len(), out) {
            return self.execute(&name, &line, out);
        }
        if self.rate_limit.overflow() {
            let rate = self.rate_limit.lines_per_second;
            let warning = "You are sending too fast: lines are delayed to";
            notice(out, &format!("{warning} {rate} per second."));
        }
        self.delayed = Some(line);
        self.flow()
    }

    /// A line of a person without a name: it should be the name.
    fn introduce(&mut self, line: &str, out: &mut Outbox) -> Flow {
        match Command::parse(line) {
            Command::Say(name) | Command::Nick(name) => match Name::parse(name.trim()) {
                Some(name) => self.claim(Claim::first(name), out),
                None => notice(out, &format!("A name is {}. {ASK_NAME}", Name::RULE)),
            },
            Command::Help => self.help(out),
            Command::Quit => return goodbye(out),
            _ => notice(out, ASK_NAME),
        }
        self.flow()
    }

    fn execute(&mut self, name: &Name, line: &str, out: &mut Outbox) -> Flow {
        match Command::parse(line) {
            Command::Say(text) => {
                self.post(Kind::Chat, &format!("{name}: {text}"), out);
                if let (Some(bot), Some(text)) = (&mut self.bot, bot::addressed(text)) {
                    let answer = format!("{}: {}", bot::NAME, bot.reply(&text).text);
                    self.post(Kind::Chat, &answer, out);
                    send(out, "", answer.as_bytes());
                }
            }
            Command::Action(action) => self.post(Kind::Chat, &format!("* {name} {action}"), out),
            Command::Nick(new) => self.rename(name, new, out),
            Command::Who => {
                self.rooms.list_members(out, &self.room.chat_room());
                self.pending = Some(Request::Members);
            }
            Command::Join(new) => match Name::parse(new.strip_prefix('#').unwrap_or(new)) {
                Some(new) => self.join(name, new, out),
                None => notice(out, &format!("The name of a room is {}.", Name::RULE)),
            },
            Command::Leave => self.join(name, lobby(), out),
            Command::Private(to, text) => self.send_private(name, to, text, out),
            Command::Help => self.help(out),
            Command::Quit => return goodbye(out),
            Command::Incomplete(usage) => notice(out, &format!("That is used so: {usage}")),
            Command::Unknown(command) => {
                let text = format!("Unknown command /{command}; /help lists the commands.");
                notice(
                    out,
                    &(text + " To send the line as text, begin it with //."),
                );
            }
        }
        self.flow()
    }

    /// Posts to the current room.
    fn post(&self, kind: Kind, text: &str, out: &mut Outbox) {
        let room = self.room.chat_room();
        self.rooms.post(out, &room, &kind.encode(text));
    }

    /// Changes the name of a person that has one.
    fn rename(&mut self, name: &Name, new: &str, out: &mut Outbox) {
        match Name::parse(new) {
            None => notice(out, &format!("A name is {}.", Name::RULE)),
            Some(new) if new.as_str() == name.as_str() => {
                notice(out, &format!("You are called {new} already."));
            }
            Some(new) if new.is(name) => self.announce_name(new, out),
            Some(new) => self.claim(Claim::first(new), out),
        }
    }

    /// Asks the hub for a name: the first member of its claim room owns it. All members join that room
    /// by the same name, so that the hub numbers them together.
    fn claim(&mut self, claim: Claim, out: &mut Outbox) {
        let name = &claim.name;
        if self.bot.is_some() && name.folded() == bot::NAME {
            return self.on_name_taken(claim, out);
        }
        self.rooms.join(out, &name.claim_room(), name.folded());
        self.pending = Some(Request::Claim(claim));
    }

    fn on_name_claimed(&mut self, Claim { name, wanted, .. }: Claim, out: &mut Outbox) {
        if let Some(old) = &self.name {
            self.rooms.leave(out, &old.claim_room());
            return self.announce_name(name, out);
        }
        if !name.is(&wanted) {
            let text = format!("{wanted} is taken, so you are {name}; /nick NAME changes that.");
            notice(out, &text);
        }
        self.rooms.join(out, &self.room.chat_room(), name.as_str());
        self.name = Some(name);
        self.pending = Some(Request::Join(self.room.clone()));
    }

    /// A person without a name gets the wanted one with a number appended, if that is free.
    fn on_name_taken(&mut self, mut claim: Claim, out: &mut Outbox) {
        let wanted = &claim.wanted;
        if let Some(old) = &self.name {
            return notice(out, &format!("{wanted} is taken; you are still {old}."));
        }
        // With many people of the same name, trying the numbers in order would take long.
        claim.tries += 1;
        claim.name = wanted.numbered(match claim.tries {
            ..=LAST_IN_ORDER => claim.tries,
            _ => rand::random_range(LAST_IN_ORDER + 1..MAX_NUMBER),
        });
        self.claim(claim, out);
    }

    fn announce_name(&mut self, new: Name, out: &mut Outbox) {
        self.rooms.join(out, &self.room.chat_room(), new.as_str());
        notice(out, &format!("You are called {new} now."));
        if let Some(old) = &self.name {
            let text = format!("{old} is called {new} now.");
            self.post(Kind::Notice, &text, out);
        }
        self.name = Some(new);
        self.pending = Some(Request::Rename);
    }

    /// Enters another room, and leaves the current one once it is there.
    fn join(&mut self, name: &Name, room: Name, out: &mut Outbox) {
        if room.is(&self.room) {
            return notice(out, &format!("You are in {} already.", room.chat_room()));
        }
        self.rooms.join(out, &room.chat_room(), name.as_str());
        self.pending = Some(Request::Join(room));
    }

    fn on_entered(&mut self, room: Name, others: usize, out: &mut Outbox) {
        if !room.is(&self.room) {
            self.rooms.leave(out, &self.room.chat_room());
        }
        let company = match others + usize::from(self.bot.is_some()) {
            0 => "alone".to_owned(),
            1 => "with 1 other".to_owned(),
            others => format!("with {others} others"),
        };
        let name = self.name.as_ref().map_or("", Name::as_str);
        let shown = room.chat_room();
        notice(out, &format!("You are in {shown} as {name}, {company}."));
        self.room = room;
    }

    /// The hub has too many rooms. A person that was entering the chat starts again.
    fn on_full(&mut self, is_entering: bool, out: &mut Outbox) {
        notice(out, "There are too many names and rooms now.");
        if is_entering {
            if let Some(name) = self.name.take() {
                self.rooms.leave(out, &name.claim_room());
            }
            notice(out, ASK_NAME);
        }
    }

    fn send_private(&mut self, name: &Name, to: &str, text: &str, out: &mut Outbox) {
        match (Name::parse(to), &mut self.bot) {
            (None, _) => notice(out, &format!("There is no member called {to}.")),
            (Some(to), _) if to.is(name) => notice(out, "That is you."),
            (Some(to), Some(bot)) if to.folded() == bot::NAME => {
                send(out, &format!("[you to {to}] "), text.as_bytes());
                let answer = bot.reply(text).text;
                send(out, &format!("[{to} to you] "), answer.as_bytes());
            }
            (Some(to), _) => {
                let post = Kind::Private.encode(&format!("[{name} to you] {text}"));
                self.rooms.post(out, &to.claim_room(), &post);
                // The answer follows the notification that the post had no receiver.
                self.rooms.list_members(out, &to.claim_room());
                self.pending = Some(Request::Private(PrivateMessage {
                    to,
                    text: text.to_owned(),
                    delivered: true,
                }));
            }
        }
    }

    fn list_members(&self, members: &[Arc<Member>], out: &mut Outbox) {
        let members = members.iter().map(|member| &*member.name);
        let bot = self.bot.as_ref().map(|_| bot::NAME);
        let names: Vec<&str> = members.chain(bot).collect();
        let room = self.room.chat_room();
        for names in names.chunks(NAMES_PER_LINE) {
            notice(out, &format!("In {room}: {}", names.join(", ")));
        }
    }

    fn help(&self, out: &mut Outbox) {
        HELP.lines().for_each(|line| notice(out, line));
        if self.bot.is_some() {
            let name = bot::NAME;
            let text = format!("A friend is in every room: say \"{name}, ...\"");
            notice(out, &text);
        }
    }

    /// Takes an event that answers the pending request. Returns the request that is pending after it.
    fn on_answer(
        &mut self,
        request: Request,
        event: &RoomEvent,
        out: &mut Outbox,
    ) -> Option<Request> {
        match (request, event) {
            (Request::Claim(claim), RoomEvent::Entered { place: 1, .. }) => {
                self.on_name_claimed(claim, out);
            }
            (Request::Claim(claim), RoomEvent::Entered { room, .. }) => {
                self.rooms.leave(out, room);
                self.on_name_taken(claim, out);
            }
            (Request::Join(room), RoomEvent::Entered { others, .. }) => {
                self.on_entered(room, *others, out);
            }
            (Request::Claim(_), RoomEvent::Full { .. }) => self.on_full(self.name.is_none(), out),
            (Request::Join(room), RoomEvent::Full { .. }) => {
                self.on_full(room.is(&self.room), out);
            }
            (Request::Rename, RoomEvent::Entered { .. }) => (),
            (Request::Members, RoomEvent::Members { members, .. }) => {
                self.list_members(members, out);
            }
            (Request::Private(mut message), RoomEvent::Undelivered { room, .. }) => {
                message.delivered &= **room != *message.to.claim_room();
                return Some(Request::Private(message));
            }
            (Request::Private(message), RoomEvent::Members { .. }) => match message.delivered {
                true => send(
                    out,
                    &format!("[you to {}] ", message.to),
                    message.text.as_bytes(),
                ),
                false => notice(out, &format!("There is no member called {}.", message.to)),
            },
            (request, _) => return Some(request),
        }
        self.pending.take()
    }

    /// Shows an event of the current room, or a private message.
    fn show_event(&self, event: &RoomEvent, out: &mut Outbox) {
        let here = self.room.chat_room();
        match event {
            RoomEvent::Post { post, past, .. } => self.show_post(post, *past, out),
            RoomEvent::Joined { room, member, .. } if **room == *here => {
                notice(out, &format!("{} is here.", member.name));
            }
            RoomEvent::Left {
                room,
                member,
                reason,
                ..
            } if **room == *here => {
                let how = match reason {
                    LeaveReason::Left => "has left",
                    LeaveReason::TooSlow => "fell behind and was dropped",
                    _ => "was lost",
                };
                notice(out, &format!("{} {how}.", member.name));
            }
            RoomEvent::TooSlow => {
                notice(out, "You read too slowly. Goodbye.");
            }
            _ => (),
        }
    }

    fn show_post(&self, post: &Post, past: bool, out: &mut Outbox) {
        let is_here = *post.room == *self.room.chat_room();
        let name = self.name.as_ref();
        let is_own = name.is_some_and(|name| *post.room == *name.claim_room());
        match message::decode(&post.bytes) {
            Some((Kind::Chat, text)) if is_here && past => send(out, PAST, text),
            Some((Kind::Chat, text)) if is_here => send(out, "", text),
            Some((Kind::Notice, text)) if is_here && !past => send(out, NOTICE, text),
            Some((Kind::Private, text)) if is_own => send(out, "", text),
            _ => (),
        }
    }

    /// Input pauses while a request or a line is pending.
    fn flow(&self) -> Flow {
        match (&self.pending, &self.delayed) {
            (None, None) => Flow::Continue,
            _ => Flow::PauseInput,
        }
    }
}

impl Session for ChatSession {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        notice(out, "Welcome to the chat; /help tells how it works.");
        notice(out, ASK_NAME);
        Ok(Flow::Continue)
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        let line = plain(&without_zero_width(line));
        Ok(match line.trim().is_empty() {
            true => self.flow(),
            false => self.on_line(line, out),
        })
    }

    fn on_room_event(&mut self, event: &RoomEvent, out: &mut Outbox) -> Result {
        if let Some(request) = self.pending.take() {
            self.pending = self.on_answer(request, event, out);
        }
        self.show_event(event, out);
        Ok(match event {
            RoomEvent::TooSlow => Flow::Close,
            _ => self.flow(),
        })
    }

    fn on_timer(&mut self, out: &mut Outbox) -> Result {
        self.rate_limit.refill(out);
        Ok(match self.delayed.take() {
            Some(line) => self.on_line(line, out),
            None => self.flow(),
        })
    }

    fn on_shutdown(&mut self, out: &mut Outbox) -> Result {
        notice(out, "The server stops.");
        Ok(goodbye(out))
    }
}

fn lobby() -> Name {
    Name::parse("lobby").expect("a valid name")
}

/// Sends a notice of the server.
fn notice(out: &mut Outbox, text: &str) {
    send(out, NOTICE, text.as_bytes());
}

/// Sends one line to the peer. All output passes through here and is sanitized: the sessions that
/// posted it did that too, but one of those processes may be compromised.
fn send(out: &mut Outbox, prefix: &str, text: &[u8]) {
    out.send(plain(&[prefix.as_bytes(), text].concat()).as_bytes());
}

fn goodbye(out: &mut Outbox) -> Flow {
    notice(out, "Goodbye.");
    Flow::Close
}

/// Bytes from a peer as text on one line. Tabs are replaced too, because they move the text after
/// them.
pub(super) fn plain(bytes: &[u8]) -> String {
    Sanitized(bytes).to_string().replace('\t', "    ")
}

const NOTICE: &str = "-- ";
const PAST: &str = "| ";
const ASK_NAME: &str = "What is your name?";
const NAMES_PER_LINE: usize = 20;
const LAST_IN_ORDER: u32 = 9; // the numbers 2 to 9 are tried in order, then random ones
const MAX_NUMBER: u32 = 10_000;
