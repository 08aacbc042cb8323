//! The time for a move: both players count it, should one of them be held up.

use std::time::Duration;

use switchboard_core::Outbox;

use crate::duel::guest::Guest;
use crate::duel::table::Action;
use crate::duel::words;

impl Guest {
    /// Begins to count the time of whoever is to move.
    pub(super) fn time_move(&mut self, out: &mut Outbox) {
        self.timer = None;
        let (true, Some(time)) = (
            self.table().is_playing() && self.side().is_some(),
            self.move_time,
        ) else {
            return;
        };
        let left = Duration::from_secs(time.as_secs() / 4);
        self.timer = Some(left);
        out.set_timer(time - left);
    }

    /// Reminds whoever is to move, then ends the game.
    pub(super) fn be_woken(&mut self, out: &mut Outbox) {
        // What it has posted itself crosses with this, and either ends the turn or came too late.
        let timer = self.timer.take().filter(|_| !self.has_posted);
        if let Some(left) = timer
            && let Some(side) = self.side()
        {
            if left.is_zero() {
                self.post(Action::Time, out);
            } else {
                let turn = self.table().board.turn();
                out.send(words::hurry(turn, side, left.as_secs()).as_bytes());
                out.set_timer(left);
                self.timer = Some(Duration::ZERO);
            }
        }
    }
}
