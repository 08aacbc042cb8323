//! The state of one conversation.

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
    next: BTreeMap<u32, u32>, // by number of the pattern: the index of its next reply, if not 0
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

    /// The next reply of the pattern; a random one if it is to be remembered.
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

    /// A random element. A single one takes no random number.
    pub(crate) fn choose<'s, T>(&mut self, some: &'s [T]) -> Option<&'s T> {
        match some {
            [one] => Some(one),
            _ => some.choose(&mut self.rng),
        }
    }

    /// Remembers a text if there is room. As in the Java program, the oldest ones stay.
    pub(crate) fn remember(&mut self, text: &str) -> bool {
        let bytes: usize = self.memory.iter().map(|text| text.len()).sum();
        let has_room = self.memory.len() < MAX_MEMORIES && bytes + text.len() <= MAX_MEMORY_BYTES;
        if has_room {
            self.memory.push_back(text.into());
        }
        has_room
    }

    /// The oldest memory, which is removed.
    pub(crate) fn recall(&mut self) -> Option<String> {
        self.memory.pop_front().map(String::from)
    }
}

const MAX_MEMORIES: usize = 20; // as in the Java program
/// With [`MAX_MEMORIES`], an idle conversation takes less than 2 KiB.
const MAX_MEMORY_BYTES: usize = 1024;

/// The memory of a conversation with all memories in use, without its counters of replies.
#[cfg(test)]
pub(crate) fn idle_bytes() -> usize {
    let mut memory = VecDeque::new();
    (0..MAX_MEMORIES).for_each(|_| memory.push_back(Box::<str>::from("")));
    size_of::<super::respond::Responder>()
        + memory.capacity() * size_of::<Box<str>>()
        + MAX_MEMORY_BYTES
}
