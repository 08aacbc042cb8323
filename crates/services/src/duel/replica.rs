//! One session's copy of the table, brought up by the posts of the room.
//!
//! All sessions hear the same posts in the same order, and each carries the table to which its
//! action was done. It counts only if that is the table still; of actions that cross, the first
//! counts for everybody, and the others for nobody.

use crate::duel::post::Post;
use crate::duel::table::{Action, Event, Table};

/// A copy of the table.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    table: Table,
    at: u64,            // the number of the post that made the table so
    first: Option<u64>, // the number of the first post that was heard
    is_certain: bool,
}

impl Replica {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
            at: 0,
            first: None,
            is_certain: false,
        }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Whether it is known to be as that of all others; only then may be posted what is done to it.
    ///
    /// It is not only while all that was heard are posts that came too late, and what made them late
    /// is forgotten.
    pub(super) fn is_certain(&self) -> bool {
        self.is_certain
    }

    /// The past was heard, and whether anybody else is there who knows more.
    pub(super) fn begin(&mut self, is_alone: bool) {
        self.is_certain |= is_alone || self.first.is_none();
    }

    /// What a member posts to do this to the table as it is here.
    pub(super) fn post(&self, action: Action) -> Post {
        Post {
            at: self.at,
            table: self.table.clone(),
            action,
        }
    }

    /// A member has posted, under this number.
    pub(super) fn take(&mut self, sequence: u64, member: u64, post: &Post) -> Vec<Event> {
        let first = *self.first.get_or_insert(sequence);
        if !self.is_certain {
            // With every post since that table known, this one is the first that was done to it.
            self.is_certain = first <= post.at.saturating_add(1);
            self.table = post.table.clone();
            self.at = post.at;
        } else if post.at != self.at {
            return Vec::new();
        }
        let events = self.table.apply(member, &post.action);
        if !events.is_empty() {
            self.at = sequence;
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::duel::board::Column;

    /// A room and its members, of whom some hear later than others.
    struct Room {
        log: Vec<(u64, Post)>,
        members: Vec<(u64, Replica, usize)>, // and how many posts each has heard
        met: u64,
        history: usize,
        truth: Replica, // has heard everything from the beginning
    }

    impl Room {
        fn new(history: usize) -> Self {
            let mut truth = Replica::new();
            truth.begin(true);
            Self {
                log: Vec::new(),
                members: Vec::new(),
                met: 0,
                history,
                truth,
            }
        }

        fn come(&mut self) {
            self.met += 1;
            let begin = self.log.len().saturating_sub(self.history);
            let mut replica = Replica::new();
            for (index, (member, post)) in self.log.iter().enumerate().skip(begin) {
                replica.take(index as u64 + 1, *member, post);
            }
            let is_alone = self.members.is_empty();
            let was_certain = replica.is_certain;
            replica.begin(is_alone);
            if is_alone && !was_certain {
                self.truth = replica.clone(); // there is no other
            }
            self.members.push((self.met, replica, self.log.len()));
        }

        fn hear(&mut self, which: usize, posts: usize) {
            let (_, replica, heard) = &mut self.members[which];
            for _ in 0..posts {
                let Some((member, post)) = self.log.get(*heard) else {
                    return;
                };
                *heard += 1;
                replica.take(*heard as u64, *member, post);
            }
        }

        fn post(&mut self, which: usize, action: Action) {
            let (member, replica, _) = &self.members[which];
            if replica.is_certain() {
                let post = replica.post(action);
                let line = post.to_string();
                assert_eq!(Post::parse(line.as_bytes()).as_ref(), Some(&post));
                self.truth.take(self.log.len() as u64 + 1, *member, &post);
                self.log.push((*member, post));
            }
        }
    }

    fn action(kind: u8, number: u64) -> Action {
        match kind {
            0 => Action::Sit(Vec::new()),
            1 => Action::Sit(vec![number]),
            2 => Action::Gone(number),
            3 => Action::Rematch,
            4 => Action::Time,
            _ => Action::Play(Column::of_digit(b'1' + kind % 7).expect("a column")),
        }
    }

    #[test]
    fn of_two_that_cross_the_first_counts() {
        let mut room = Room::new(10);
        (0..3).for_each(|_| room.come());
        for which in [0, 1] {
            room.post(which, Action::Sit(Vec::new()));
            (0..3).for_each(|which| room.hear(which, 1));
        }
        let column = Column::of_digit(b'4').expect("a column");
        room.post(1, Action::Time);
        room.post(0, Action::Play(column));
        (0..3).for_each(|which| room.hear(which, 2));
        for (_, replica, _) in &room.members {
            assert!(replica.table().board.moves().is_empty());
            assert!(replica.table().is_over());
        }
    }

    #[test]
    fn who_comes_upon_late_posts_only_waits() {
        let mut room = Room::new(2);
        (0..4).for_each(|_| room.come());
        (0..4).for_each(|which| room.post(which, Action::Sit(Vec::new())));
        room.come(); // it hears the last two, neither of which counted
        assert!(!room.members[4].1.is_certain());
        (0..4).for_each(|which| room.hear(which, 4));
        room.post(1, Action::Sit(Vec::new()));
        room.hear(4, 1);
        assert!(
            !room.members[4].1.is_certain(),
            "the second may have counted, for all it knows"
        );
        (0..4).for_each(|which| room.hear(which, 1));
        room.post(0, Action::Time);
        room.hear(4, 1);
        assert!(room.members[4].1.is_certain());
        assert_eq!(room.members[4].1.table(), room.truth.table());
    }

    #[test]
    fn who_comes_upon_late_posts_when_all_have_left_knows_best() {
        let mut room = Room::new(2);
        (0..4).for_each(|_| room.come());
        (0..4).for_each(|which| room.post(which, Action::Sit(Vec::new())));
        room.members.clear();
        room.come();
        room.post(0, Action::Sit(vec![1, 2, 3, 4]));
        room.come();
        assert!(
            room.members
                .iter()
                .all(|(_, replica, _)| replica.is_certain())
        );
        assert_eq!(room.members[1].1.table(), room.truth.table());
    }

    proptest! {
        #[test]
        fn all_agree_whatever_crosses(
            history in 1..12usize,
            steps in prop::collection::vec((0..8u8, 0..16usize, 0..40u8, 1..9u64), 1..200),
        ) {
            let mut room = Room::new(history);
            for (what, which, kind, number) in steps {
                let count = room.members.len();
                match what {
                    0 if count < 6 => room.come(),
                    1 if count != 0 && kind < 10 => {
                        room.members.remove(which % count);
                    }
                    _ if count == 0 => (),
                    2..=4 => room.hear(which % count, usize::from(kind % 5)),
                    _ => room.post(which % count, action(kind, number)),
                }
            }
            let all = room.log.len();
            for which in 0..room.members.len() {
                room.hear(which, all);
                let (_, replica, _) = &room.members[which];
                if replica.is_certain() {
                    prop_assert_eq!(replica.at, room.truth.at);
                    prop_assert_eq!(replica.table(), room.truth.table());
                }
            }
        }
    }
}
