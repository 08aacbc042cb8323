//! What the watch sees from outside.

use super::*;

impl Watch {
    /// What holds at any time.
    pub(super) fn look(&self) {
        let hub = &self.hub;
        assert!(hub.behind.is_empty() && hub.due.is_empty() && hub.freed.is_empty());
        for (id, member) in &hub.members {
            assert!(member.queued < 512 * 1024 + (64 << 10) + LARGEST, "bounded");
            for room in &member.rooms {
                assert!(hub.halls[room].seat(*id).is_some(), "both know");
            }
            assert!(!member.is_dropped || member.rooms.is_empty());
        }
        for hall in hub.halls.values() {
            assert!(!hall.is_forgettable(), "forgotten");
            let mut places = BTreeSet::new();
            for seat in hall.seats() {
                assert!(places.insert((&seat.name, seat.place)), "a place twice");
                let rooms = &hub.members[&seat.member].rooms;
                assert!(rooms.contains(&hall.name), "both know");
            }
            let mut held = BTreeSet::new();
            for id in &hall.held_back {
                assert!(held.insert(id), "held back twice");
                let front = hub.members[id].requests.front();
                let is_here = |room: &str| *room == *hall.name;
                assert!(matches!(front, Some(Request::Post { room, .. }) if is_here(room)));
                assert!(hall.rules.lossless, "nobody waits in a lively room");
            }
        }
    }

    /// Who has heard all knows who is there, and missed nothing but what it said itself.
    pub(super) fn look_at_stay(&self, hall: &Room, id: MemberId) {
        let stay = &self.notes[&id].stays[&hall.name.as_ptr()];
        assert_eq!(stay.others, hall.seats().len() - 1);
        for sequence in stay.heard.map_or(0, |heard| heard + 1)..=hall.posts {
            let author = self.authors.get(&(hall.name.as_ptr(), sequence));
            let is_own = author.is_none_or(|&(author, _)| author == id);
            assert!(is_own || stay.heard.is_none(), "{id} lost {sequence}");
        }
    }
}
