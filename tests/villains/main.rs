//! Sessions that misbehave, served like any others by the whole program. For the tests.

mod ponderer;
mod worker;

use std::process::ExitCode;

use rand::RngExt;
use switchboard::{Error, Flow, Outbox, Peer, Refusal, Result, Service, Session};

fn main() -> ExitCode {
    switchboard::main_with(|services| {
        services.add("panic", "Panics at the first line", || Villain(Deed::Panic));
        services.add("fail", "Fails at the first line", || Villain(Deed::Fail));
        services.add("stubborn", "Never closes", || Villain(Deed::Stubborn));
        services.add("endless", "Never stops sending", || Villain(Deed::Endless));
        services.add("stuck", "Never comes back from the first line", || {
            Villain(Deed::Stuck)
        });
        services.add("dropper", "Panics when it is thrown away", || {
            Villain(Deed::Drop)
        });
        services.add("burst", "Sends more than fits, and closes or fails", || {
            Villain(Deed::Burst)
        });
        services.add("ponder", "Answers itself through a room", || {
            ponderer::Ponderer
        });
        services.add("work", "Works before it answers", || worker::Worker);
        services.add("refuse", "Refuses everybody", || Villain(Deed::Refuse));
        services.add(
            "dice",
            "Throws dice, from a generator that the acceptor used",
            || {
                // As a service may that draws something when it is made.
                rand::rng().random::<u64>();
                Villain(Deed::Dice)
            },
        );
        services.add_with("none", "Cannot be made", |_: NoOptions| {
            Err::<Villain, _>("it is\x1b a villain")
        });
    })
}

#[derive(clap::Args)]
struct NoOptions {}

#[derive(Clone, Copy)]
struct Villain(Deed);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Panic,
    Fail,
    Stubborn,
    Endless,
    Stuck,
    Drop,
    Burst,
    Refuse,
    Dice,
}

impl Service for Villain {
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        if self.0 == Deed::Refuse {
            return Err(Refusal("Not you.".into()));
        }
        if self.0 == Deed::Drop {
            return Ok(Box::new(Dropper));
        }
        Ok(Box::new(*self))
    }
}

impl Session for Villain {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        match self.0 {
            Deed::Endless => self.on_writable(out),
            Deed::Dice => {
                let thrown: Vec<String> = (0..8)
                    .map(|_| rand::rng().random::<u64>().to_string())
                    .collect();
                out.send(thrown.join(" ").as_bytes());
                Ok(Flow::Close)
            }
            _ => {
                out.send(b"ready");
                Ok(Flow::Continue)
            }
        }
    }

    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        match self.0 {
            Deed::Panic => panic!("at {}", String::from_utf8_lossy(line)),
            Deed::Burst => {
                out.send(&[b'x'; 400_000]);
                match line {
                    b"close" => Ok(Flow::Close),
                    _ => Err(Error::Failed("on purpose".into())),
                }
            }
            Deed::Fail => Err(Error::Failed(
                String::from_utf8_lossy(line).into_owned().into(),
            )),
            Deed::Stuck => loop {
                std::hint::spin_loop();
            },
            _ => {
                out.send(line);
                Ok(Flow::Continue)
            }
        }
    }

    fn on_writable(&mut self, out: &mut Outbox) -> Result {
        while !out.is_full() {
            out.send(b"and so on and so on");
        }
        Ok(Flow::WhenWritable)
    }

    fn on_eof(&mut self, _: &mut Outbox) -> Result {
        Ok(if self.0 == Deed::Stubborn {
            Flow::Continue
        } else {
            Flow::Close
        })
    }
}

/// Panics when it is dropped.
struct Dropper;

impl Session for Dropper {
    fn on_message(&mut self, line: &[u8], out: &mut Outbox) -> Result {
        out.send(line);
        Ok(Flow::Continue)
    }
}

impl Drop for Dropper {
    fn drop(&mut self) {
        panic!("dropped");
    }
}
