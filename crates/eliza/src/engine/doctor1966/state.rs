//! What one conversation keeps from line to line.

use std::collections::VecDeque;

use crate::engine::doctor1966::ast::{Reply, Transformation};

/// All that talks with the same script do not share.
#[derive(Debug)]
pub(super) struct State {
    /// The "certain counting mechanism" of the paper: 1 to 4 and round again.
    pub(super) limit: u8,
    /// Which reply is the next, for each slot; empty until one was given.
    turns: Box<[u16]>,
    memory: VecDeque<Box<str>>,
    memory_bytes: usize,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            limit: 1,
            turns: Box::default(),
            memory: VecDeque::new(),
            memory_bytes: 0,
        }
    }

    /// The memories, the oldest first.
    pub(super) fn memory(&self) -> Vec<String> {
        self.memory.iter().map(ToString::to_string).collect()
    }

    /// The heap memory it takes, with the overhead of each allocation.
    #[cfg(test)]
    pub(super) fn allocated_bytes(&self) -> usize {
        let texts: usize = self.memory.iter().map(|text| text.len() + 16).sum();
        size_of_val(&*self.turns) + self.memory.capacity() * size_of::<Box<str>>() + texts
    }

    /// Counts a response.
    pub(super) fn count(&mut self) {
        self.limit = self.limit % 4 + 1;
    }

    /// The reply of a transformation whose turn it is; the next time it is the next one's.
    pub(super) fn turn<'a>(
        &mut self,
        transformation: &'a Transformation,
        slots: usize,
    ) -> &'a Reply {
        let replies = &transformation.replies;
        let Some(slot) = transformation.slot else {
            return &replies[0];
        };
        if self.turns.is_empty() {
            self.turns = vec![0; slots].into();
        }
        let turn = usize::from(self.turns[slot]);
        let next = (turn + 1) % replies.len();
        self.turns[slot] = u16::try_from(next).expect("a pattern has so few replies");
        &replies[turn]
    }

    /// Whether there is room for another memory.
    pub(super) fn can_remember(&self) -> bool {
        self.memory.len() < MAX_MEMORIES && self.memory_bytes < MAX_MEMORY_BYTES
    }

    pub(super) fn remember(&mut self, text: String) {
        self.memory_bytes += text.len();
        self.memory.push_back(text.into());
    }

    /// The oldest memory, which is told only once.
    pub(super) fn recall(&mut self) -> Option<String> {
        let text = self.memory.pop_front()?;
        self.memory_bytes -= text.len();
        if self.memory.is_empty() {
            self.memory = VecDeque::new();
        }
        Some(text.into())
    }
}

/// So many sentences wait to be told, the oldest first; one line in four tells one at best. What
/// would be remembered while there is no room for it is forgotten.
pub(super) const MAX_MEMORIES: usize = 64;

/// Once they have so many bytes, no more are kept either; the last one may be as long as a reply. Of
/// usual sentences, of some fifty bytes, there is room for about forty.
pub(super) const MAX_MEMORY_BYTES: usize = 2 * 1024;
