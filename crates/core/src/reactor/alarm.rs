//! A session's alarm clock.

use std::time::Instant;

use crate::reactor::poll::after;
use crate::session::connection::Connection;

/// When a session is to be woken, as it asked last.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Instant>);

impl Alarm {
    /// Sets it as the session has asked since the last time, if it has. Whether the session is to be
    /// woken at once, since it is at work.
    pub(crate) fn set(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let Some(time) = connection.take_timer() else {
            return false;
        };
        self.0 = Some(after(now, time));
        time.is_zero()
    }

    /// When it rings next.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.0
    }

    /// Wakes the session if its time has come; whether it had.
    pub(crate) fn ring(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let rings = self.0.take_if(|at| *at <= now).is_some();
        if rings {
            connection.timer_expired();
        }
        rings
    }
}
