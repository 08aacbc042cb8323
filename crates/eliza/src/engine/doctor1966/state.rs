//! The state of one conversation.

use std::collections::VecDeque;

use crate::engine::doctor1966::ast::{Reply, Transformation};

/// What conversations with the same script do not share.
#[derive(Debug)]
pub(super) struct State {
    /// The "certain counting mechanism" of the paper: cycles from 1 to 4.
    pub(super) limit: u8,
    /// The next reply by slot; empty until the first use.
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

    /// Counts a reply.
    pub(super) fn count(&mut self) {
        self.limit = self.limit % 4 + 1;
    }

    /// The next reply of a transformation, in rotation.
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

    /// The oldest memory, which is removed.
    pub(super) fn recall(&mut self) -> Option<String> {
        let text = self.memory.pop_front()?;
        self.memory_bytes -= text.len();
        if self.memory.is_empty() {
            self.memory = VecDeque::new();
        }
        Some(text.into())
    }
}

/// The maximum number of memories. The oldest is recalled first, at most one every four lines. New
/// ones are dropped while the memory is full.
pub(super) const MAX_MEMORIES: usize = 64;

/// No memory is added above this size; the last one may exceed it by the length of a reply. There
/// is room for about forty usual ones of fifty bytes.
pub(super) const MAX_MEMORY_BYTES: usize = 2 * 1024;
