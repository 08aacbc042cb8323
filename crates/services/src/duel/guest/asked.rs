//! What the peer asks for: done where it may be, refused with words where not.

use switchboard_core::Outbox;

use crate::duel::board::Column;
use crate::duel::guest::Guest;
use crate::duel::table::Action;
use crate::duel::words;

impl Guest {
    /// Does what this line says; whether the peer stays.
    pub(super) fn obey(&mut self, line: &[u8], out: &mut Outbox) -> bool {
        let said = line.trim_ascii().to_ascii_lowercase();
        match said.strip_prefix(b"/").unwrap_or(&said) {
            b"" => self.stand(out),
            b"help" => out.send(words::HELP.as_bytes()),
            b"board" => self.show(out),
            b"rematch" => self.ask_for_rematch(out),
            b"play" => self.take_seat(out),
            b"quit" => return false,
            &[digit] if let Some(column) = Column::of_digit(digit) => self.play(column, out),
            digits if digits.iter().all(u8::is_ascii_digit) => {
                out.send(words::NO_COLUMN.as_bytes());
            }
            _ => out.send(words::UNKNOWN.as_bytes()),
        }
        true
    }

    fn play(&mut self, column: Column, out: &mut Outbox) {
        let table = self.table();
        let refused = match self.side() {
            None => words::ONLY_WATCHING.to_owned(),
            Some(side) if table.is_playing() && table.board.turn() == side => {
                if table.board.free_row(column).is_some() {
                    return self.post(Action::Play(column), out);
                }
                words::full(column)
            }
            Some(_) if table.is_playing() => words::NOT_YOUR_TURN.to_owned(),
            Some(_) if table.is_over() => words::GAME_OVER.to_owned(),
            Some(_) => return self.stand(out),
        };
        out.send(refused.as_bytes());
        if !table.is_playing() || self.side().is_none() {
            self.stand(out);
        }
    }

    fn ask_for_rematch(&mut self, out: &mut Outbox) {
        if self.may_ask_for_rematch() {
            return self.post(Action::Rematch, out);
        }
        let refused = match self.side() {
            None => words::ONLY_WATCHING,
            Some(_) if self.table().is_playing() => words::STILL_PLAYING,
            Some(_) if self.table().is_over() => words::ASKED_ALREADY,
            Some(_) => return self.stand(out),
        };
        out.send(refused.as_bytes());
        self.stand(out);
    }

    fn take_seat(&mut self, out: &mut Outbox) {
        if self.may_sit() {
            return self.sit(out);
        }
        let refused = match self.side() {
            Some(_) => words::PLAYING_ALREADY,
            None => words::NO_FREE_SEAT,
        };
        out.send(refused.as_bytes());
        self.stand(out);
    }
}
