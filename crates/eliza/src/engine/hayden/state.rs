//! What one conversation keeps from line to line.

use std::collections::{BTreeMap, VecDeque};

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::engine::hayden::reassembly::Reply;
use crate::engine::hayden::script::Decomp;

/// What changes from line to line.
#[derive(Debug)]
pub(crate) struct State {
    rng: SmallRng,
    next: BTreeMap<u32, u32>, // of patterns by number, which reply comes next, if not the first
    memory: VecDeque<Box<str>>,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            next: BTreeMap::new(),
            memory: VecDeque::new(),
        }
    }

    /// The memories, the oldest first.
    pub(crate) fn memory(&self) -> Vec<String> {
        self.memory.iter().map(ToString::to_string).collect()
    }

    /// The reply whose turn it is, or of those to remember any.
    pub(crate) fn next_reply<'s>(&mut self, decomp: &'s Decomp) -> &'s Reply {
        let replies = &decomp.replies;
        if let [reply] = &replies[..] {
            return reply;
        }
        if decomp.remembered {
            return self.choose(replies).expect("a pattern has a reply");
        }
        let next = self.next.entry(decomp.number).or_default();
        let reply = &replies[*next as usize];
        *next = (*next + 1) % u32::try_from(replies.len()).expect("a script is shorter than that");
        reply
    }

    /// One of these by chance, which is not asked where there is no choice.
    pub(crate) fn choose<'s, T>(&mut self, some: &'s [T]) -> Option<&'s T> {
        match some {
            [one] => Some(one),
            _ => some.choose(&mut self.rng),
        }
    }

    /// Keeps a text to come back to it, if there is room. As in the Java program, what was
    /// remembered first stays.
    pub(crate) fn remember(&mut self, text: &str) -> bool {
        let bytes: usize = self.memory.iter().map(|text| text.len()).sum();
        let has_room = self.memory.len() < MAX_MEMORIES && bytes + text.len() <= MAX_MEMORY_BYTES;
        if has_room {
            self.memory.push_back(text.into());
        }
        has_room
    }

    /// The oldest text that was kept.
    pub(crate) fn recall(&mut self) -> Option<String> {
        self.memory.pop_front().map(String::from)
    }
}

const MAX_MEMORIES: usize = 20; // as in the Java program
/// With the count above, a conversation that has gone quiet keeps less than 2 KiB.
const MAX_MEMORY_BYTES: usize = 1024;

/// What a conversation takes up that remembers all it can, but for the replies that had their turn.
#[cfg(test)]
pub(crate) fn idle_bytes() -> usize {
    let mut memory = VecDeque::new();
    (0..MAX_MEMORIES).for_each(|_| memory.push_back(Box::<str>::from("")));
    size_of::<super::respond::Responder>()
        + memory.capacity() * size_of::<Box<str>>()
        + MAX_MEMORY_BYTES
}
