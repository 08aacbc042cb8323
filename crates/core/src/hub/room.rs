//! One room: its members and its history.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use crate::hub::types::{Member, MemberId, Post, RoomEvent, RoomKind};

/// A room that has members or a history.
pub(crate) struct Room {
    pub(crate) name: Arc<str>,
    pub(crate) kind: RoomKind,
    members: Vec<Arc<Member>>, // in the order in which they joined
    pub(super) posts: u64,
    history: VecDeque<Arc<Post>>,
    history_weight: usize,
    /// Members whose posts wait until every receiver can take them, in order.
    pub(crate) blocked: VecDeque<MemberId>,
}

impl Room {
    pub(crate) fn new(name: &str, kind: RoomKind) -> Self {
        Self {
            name: name.into(),
            kind,
            members: Vec::new(),
            posts: 0,
            history: VecDeque::new(),
            history_weight: 0,
            blocked: VecDeque::new(),
        }
    }

    pub(crate) fn member(&self, id: MemberId) -> Option<&Arc<Member>> {
        self.members.iter().find(|member| member.id == id)
    }

    pub(crate) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// All members but this one.
    pub(crate) fn others(&self, id: MemberId) -> impl Iterator<Item = MemberId> {
        let members = self.members.iter().map(|member| member.id);
        members.filter(move |&other| other != id)
    }

    /// The members that receive a post of this one.
    pub(crate) fn receivers(&self, sender: MemberId) -> impl Iterator<Item = MemberId> {
        let members = self.members.iter().map(|member| member.id);
        members.filter(move |&other| other != sender || self.kind.echo)
    }

    /// Adds a member, or renames it, and gives it the lowest free place among the members of its
    /// name. Returns the place and whether the member was in the room already.
    pub(crate) fn add(&mut self, mut member: Member) -> (u32, bool) {
        let members = self.members.iter();
        let old = members.clone().position(|other| other.id == member.id);
        let same = members.filter(|other| other.name == member.name && other.id != member.id);
        let mut taken: Vec<u32> = same.map(|other| other.place).collect();
        taken.sort_unstable();
        let mut place = 1;
        for other in taken {
            place += u32::from(other == place);
        }
        member.place = place;
        match old {
            Some(index) => self.members[index] = Arc::new(member),
            None => self.members.push(Arc::new(member)),
        }
        (place, old.is_some())
    }

    pub(crate) fn remove(&mut self, id: MemberId) -> Option<Arc<Member>> {
        let index = self.members.iter().position(|member| member.id == id)?;
        Some(self.members.remove(index))
    }

    pub(crate) fn remove_all(&mut self) -> Vec<Arc<Member>> {
        mem::take(&mut self.members)
    }

    /// Numbers a post and adds it to the history.
    pub(crate) fn post(&mut self, sender: Arc<Member>, bytes: Vec<u8>) -> Arc<Post> {
        self.posts += 1;
        let post = Post::new(Arc::clone(&self.name), sender, self.posts, bytes);
        let post = Arc::new(post);
        if 0 < self.kind.history {
            self.history_weight += post.weight();
            self.history.push_back(Arc::clone(&post));
            while self.kind.history < self.history.len() || HISTORY_BYTES < self.history_weight {
                let oldest = self.history.pop_front();
                self.history_weight -= oldest.map_or(0, |post| post.weight());
            }
        }
        post
    }

    /// The history, as events for a new member.
    pub(crate) fn history(&self) -> Vec<RoomEvent> {
        let posts = self.history.iter().map(Arc::clone);
        posts
            .map(|post| RoomEvent::Post { post, past: true })
            .collect()
    }

    /// Whether it has no members, and no post waits for one.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.blocked.is_empty()
    }

    /// Whether nothing is lost with it.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.is_empty() && self.history.is_empty()
    }
}

const HISTORY_BYTES: usize = 128 * 1024; // half of a member's queue
