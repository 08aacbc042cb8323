//! One session's copy of the game, kept up to date by the messages of the room.
//!
//! All members receive the same messages in the same order. Each message carries the state that its
//! action applies to, and counts only if that is still the current one. So the first of two
//! concurrent messages counts in every replica, and the second in none.

use crate::connect_four::game::{Action, Event, Game};
use crate::connect_four::message::Message;

#[derive(Clone, Debug, Default)]
pub(super) struct Replica {
    pub(super) game: Game,
    revision: u64,      // the sequence number of the last post that counted
    first: Option<u64>, // the sequence number of the first post received
    /// Whether the replica is known to be the same as all others. Only then may an action be posted.
    ///
    /// It is unknown while every post received came too late, and the one that made them late is no
    /// longer in the history.
    pub(super) is_current: bool,
}

impl Replica {
    /// The history has been received. `is_alone`: no other member is there that knows more.
    pub(super) fn history_complete(&mut self, is_alone: bool) {
        self.is_current |= is_alone || self.first.is_none();
    }

    /// The message that applies `action` to the current state.
    pub(super) fn message(&self, action: Action) -> Message {
        Message {
            revision: self.revision,
            game: self.game.clone(),
            action,
        }
    }

    /// Applies the post of a member. Returns no event if it came too late or is illegal.
    pub(super) fn apply(&mut self, sequence: u64, member: u64, message: &Message) -> Vec<Event> {
        let first = *self.first.get_or_insert(sequence);
        if !self.is_current {
            // If every post after the message's revision is known, this is the first that applied
            // to it.
            self.is_current = first <= message.revision.saturating_add(1);
            self.game = message.game.clone();
            self.revision = message.revision;
        } else if message.revision != self.revision {
            return Vec::new();
        }
        let events = self.game.apply(member, &message.action);
        if !events.is_empty() {
            self.revision = sequence;
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connect_four::board::{Board, Column, Side};

    /// A room whose members receive posts with different delays.
    struct Room {
        log: Vec<(u64, Message)>,
        members: Vec<(u64, Replica, usize)>, // and how many posts each has received
        joined: u64,
        history: usize,
        truth: Replica, // has received every post
    }

    impl Room {
        fn new(history: usize) -> Self {
            let mut truth = Replica::default();
            truth.history_complete(true);
            Self {
                log: Vec::new(),
                members: Vec::new(),
                joined: 0,
                history,
                truth,
            }
        }

        fn join(&mut self) {
            self.joined += 1;
            let begin = self.log.len().saturating_sub(self.history);
            let mut replica = Replica::default();
            for (index, (member, post)) in self.log.iter().enumerate().skip(begin) {
                replica.apply(index as u64 + 1, *member, post);
            }
            let is_alone = self.members.is_empty();
            let was_current = replica.is_current;
            replica.history_complete(is_alone);
            if is_alone && !was_current {
                self.truth = replica.clone(); // there is no other
            }
            self.members.push((self.joined, replica, self.log.len()));
        }

        fn deliver(&mut self, which: usize, posts: usize) {
            let (_, replica, received) = &mut self.members[which];
            for _ in 0..posts {
                let Some((member, post)) = self.log.get(*received) else {
                    return;
                };
                *received += 1;
                replica.apply(*received as u64, *member, post);
            }
        }

        fn post(&mut self, which: usize, action: Action) {
            let (member, replica, _) = &self.members[which];
            if replica.is_current {
                let post = replica.message(action);
                assert_eq!(Message::decode(&post.encode()).as_ref(), Some(&post));
                self.truth.apply(self.log.len() as u64 + 1, *member, &post);
                self.log.push((*member, post));
            }
        }
    }

    fn action(kind: u8, number: u64) -> Action {
        match kind {
            0 => Action::Sit(Vec::new()),
            1 => Action::Sit(vec![number]),
            2 => Action::OpponentLeft(number),
            3 => Action::Rematch,
            4 => Action::Timeout,
            _ => Action::Play(Column::from_digit(b'1' + kind % 7).expect("a column")),
        }
    }

    #[test]
    fn the_first_of_two_concurrent_messages_counts() {
        let mut room = Room::new(10);
        (0..3).for_each(|_| room.join());
        for which in [0, 1] {
            room.post(which, Action::Sit(Vec::new()));
            (0..3).for_each(|which| room.deliver(which, 1));
        }
        let column = Column::from_digit(b'4').expect("a column");
        room.post(1, Action::Timeout);
        room.post(0, Action::Play(column));
        (0..3).for_each(|which| room.deliver(which, 2));
        for (_, replica, _) in &room.members {
            assert_eq!(replica.game.board, Board::new(Side::X));
            assert!(replica.game.is_over());
        }
    }

    #[test]
    fn a_new_member_with_only_late_posts_waits() {
        let mut room = Room::new(2);
        (0..4).for_each(|_| room.join());
        (0..4).for_each(|which| room.post(which, Action::Sit(Vec::new())));
        room.join(); // it receives the last two, neither of which counted
        assert!(!room.members[4].1.is_current);
        (0..4).for_each(|which| room.deliver(which, 4));
        room.post(1, Action::Sit(Vec::new()));
        room.deliver(4, 1);
        assert!(!room.members[4].1.is_current, "the second may have counted");
        (0..4).for_each(|which| room.deliver(which, 1));
        room.post(0, Action::Timeout);
        room.deliver(4, 1);
        assert!(room.members[4].1.is_current);
        assert_eq!(room.members[4].1.game, room.truth.game);
    }

    #[test]
    fn a_lone_member_with_only_late_posts_is_current() {
        let mut room = Room::new(2);
        (0..4).for_each(|_| room.join());
        (0..4).for_each(|which| room.post(which, Action::Sit(Vec::new())));
        room.members.clear();
        room.join();
        room.post(0, Action::Sit(vec![1, 2, 3, 4]));
        room.join();
        assert!(
            room.members
                .iter()
                .all(|(_, replica, _)| replica.is_current)
        );
        assert_eq!(room.members[1].1.game, room.truth.game);
    }

    proptest! {
        #[test]
        fn all_replicas_agree(
            history in 1..12usize,
            steps in prop::collection::vec((0..8u8, 0..16usize, 0..40u8, 1..9u64), 1..200),
        ) {
            let mut room = Room::new(history);
            for (step, which, kind, number) in steps {
                let count = room.members.len();
                match step {
                    0 if count < 6 => room.join(),
                    1 if count != 0 && kind < 10 => {
                        room.members.remove(which % count);
                    }
                    _ if count == 0 => (),
                    2..=4 => room.deliver(which % count, usize::from(kind % 5)),
                    _ => room.post(which % count, action(kind, number)),
                }
            }
            let all = room.log.len();
            for which in 0..room.members.len() {
                room.deliver(which, all);
                let (_, replica, _) = &room.members[which];
                if replica.is_current {
                    prop_assert_eq!(replica.revision, room.truth.revision);
                    prop_assert_eq!(&replica.game, &room.truth.game);
                }
            }
        }
    }
}
