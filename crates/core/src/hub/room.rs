//! One room: its members and its history.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::hub::types::{Member, MemberId, Post, RoomKind};
use crate::peer::Transport;

/// A room that has members or a history.
pub(crate) struct Room {
    pub(crate) name: Arc<str>,
    pub(crate) kind: RoomKind,
    pub(super) members: Vec<Arc<Member>>, // in the order in which they joined
    pub(super) posts: u64,
    pub(super) history: VecDeque<Arc<Post>>,
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

    pub(crate) fn ids(&self) -> impl Iterator<Item = MemberId> {
        self.members.iter().map(|member| member.id)
    }

    /// Adds a member, or renames it, and gives it the lowest free place among the members of its
    /// name. Returns it and whether it was in the room already.
    pub(crate) fn add(
        &mut self,
        id: MemberId,
        name: String,
        transport: Transport,
    ) -> (Arc<Member>, bool) {
        let members = self.members.iter();
        let same = members.filter(|other| other.name == name && other.id != id);
        let mut taken: Vec<u32> = same.map(|other| other.place).collect();
        taken.sort_unstable();
        let mut place = 1;
        for other in taken {
            place += u32::from(other == place);
        }
        let member = Arc::new(Member {
            id,
            name,
            place,
            transport,
        });
        let old = self.members.iter_mut().find(|other| other.id == id);
        let was_in = old.is_some();
        match old {
            Some(old) => *old = Arc::clone(&member),
            None => self.members.push(Arc::clone(&member)),
        }
        (member, was_in)
    }

    pub(crate) fn remove(&mut self, id: MemberId) -> Option<Arc<Member>> {
        let index = self.members.iter().position(|member| member.id == id)?;
        Some(self.members.remove(index))
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

    /// Whether it has no members, and no post waits for one.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.blocked.is_empty()
    }
}

const HISTORY_BYTES: usize = 128 * 1024; // half of a member's queue
