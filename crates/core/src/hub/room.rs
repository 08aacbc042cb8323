//! One room: who is in it, and what was said last.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::hub::hub::MemberId;
use crate::hub::message::{Notice, Post, weight};
use crate::hub::types::{Member, RoomKind};

/// A room with somebody in it, or with a past.
pub(crate) struct Room {
    pub(crate) name: Arc<str>,
    pub(crate) rules: RoomKind,
    pub(super) seats: Vec<Arc<Member>>, // in the order in which they were taken
    pub(crate) posts: u64,
    pub(super) history: VecDeque<Arc<Post>>,
    pub(super) history_weight: usize,
    /// Members who are held back until all have room for what they post, in their order.
    pub(crate) held_back: VecDeque<MemberId>,
}

impl Room {
    pub(crate) fn new(name: &str, rules: RoomKind) -> Self {
        Self {
            name: name.into(),
            rules,
            seats: Vec::new(),
            posts: 0,
            history: VecDeque::new(),
            history_weight: 0,
            held_back: VecDeque::new(),
        }
    }

    pub(crate) fn seat(&self, member: MemberId) -> Option<&Arc<Member>> {
        self.seats.iter().find(|seat| seat.member == member)
    }

    pub(crate) fn seats(&self) -> &[Arc<Member>] {
        &self.seats
    }

    /// Those other than `member`.
    pub(crate) fn others(&self, member: MemberId) -> impl Iterator<Item = MemberId> {
        let members = self.seats.iter().map(|seat| seat.member);
        members.filter(move |&other| other != member)
    }

    /// Those who are to hear what `member` posts.
    pub(crate) fn hearers(&self, member: MemberId) -> impl Iterator<Item = MemberId> {
        let members = self.seats.iter().map(|seat| seat.member);
        members.filter(move |&other| other != member || self.rules.echo)
    }

    /// Gives `origin` the first free place among those of its name; the seat that it had before is
    /// free then. Whether it had one.
    pub(crate) fn sit(&mut self, mut origin: Member) -> (u32, bool) {
        let old = self
            .seats
            .iter()
            .position(|seat| seat.member == origin.member);
        let same = self
            .seats
            .iter()
            .filter(|seat| seat.name == origin.name && seat.member != origin.member);
        let mut taken: Vec<u32> = same.map(|seat| seat.place).collect();
        taken.sort_unstable();
        let mut place = 1;
        for other in taken {
            place += u32::from(other == place);
        }
        origin.place = place;
        match old {
            Some(index) => self.seats[index] = Arc::new(origin),
            None => self.seats.push(Arc::new(origin)),
        }
        (place, old.is_some())
    }

    pub(crate) fn rise(&mut self, member: MemberId) -> Option<Arc<Member>> {
        let index = self.seats.iter().position(|seat| seat.member == member)?;
        Some(self.seats.remove(index))
    }

    /// Everybody is out.
    pub(crate) fn clear(&mut self) -> Vec<Arc<Member>> {
        std::mem::take(&mut self.seats)
    }

    /// The next post of the room.
    pub(crate) fn post(&mut self, origin: Arc<Member>, bytes: Vec<u8>) -> Arc<Post> {
        self.posts += 1;
        let post = Arc::new(Post {
            room: Arc::clone(&self.name),
            origin,
            sequence: self.posts,
            bytes,
        });
        if 0 < self.rules.history {
            self.history_weight += weight(&post.bytes);
            self.history.push_back(Arc::clone(&post));
            while self.rules.history < self.history.len() || HISTORY_BYTES < self.history_weight {
                let oldest = self.history.pop_front();
                self.history_weight -= oldest.map_or(0, |post| weight(&post.bytes));
            }
        }
        post
    }

    /// What whoever joins is told of what was posted before.
    pub(crate) fn past(&self) -> Vec<Notice> {
        let posts = self.history.iter().map(Arc::clone);
        posts
            .map(|post| Notice::Post { post, past: true })
            .collect()
    }

    /// Whether nobody is in it, and nobody waits to be heard there.
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty() && self.held_back.is_empty()
    }

    /// Whether nothing would be lost with it.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.is_empty() && self.history.is_empty()
    }
}

const HISTORY_BYTES: usize = 128 * 1024; // half of what may wait for whoever hears it
