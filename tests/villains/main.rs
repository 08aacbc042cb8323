//! Misbehaving services, for the tests.

mod self_poster;
mod worker;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use rand::RngExt;
use switchboard::{Error, Flow, Outbox, Peer, Refusal, Result, Service, Session};

fn main() -> ExitCode {
    switchboard::main_with(|services| {
        services.add("panic", "Panics at the first line", || {
            Villain(Behavior::Panic)
        });
        services.add("fail", "Fails at the first line", || {
            Villain(Behavior::Fail)
        });
        services.add("stubborn", "Never closes", || Villain(Behavior::Stubborn));
        services.add("endless", "Never stops sending", || {
            Villain(Behavior::Endless)
        });
        services.add("stuck", "Blocks at the first line", || {
            Villain(Behavior::Stuck)
        });
        services.add("slow", "Answers each line after 20 milliseconds", || {
            Villain(Behavior::Slow)
        });
        services.add("dropper", "Panics in its destructor", || {
            Villain(Behavior::Drop)
        });
        services.add(
            "burst",
            "Sends more than the sockets buffer, then closes or fails",
            || Villain(Behavior::Burst),
        );
        services.add("self-post", "Answers its own posts in a room", || {
            self_poster::SelfPoster
        });
        services.add("work", "Works before it answers", || worker::Worker);
        services.add("refuse", "Refuses every peer", || Villain(Behavior::Refuse));
        services.add(
            "dice",
            "Sends random numbers, from a generator that the acceptor has used",
            || {
                // The generator is seeded before the server forks.
                rand::rng().random::<u64>();
                Villain(Behavior::Dice)
            },
        );
        services.add_with("none", "Cannot be created", |_: NoOptions| {
            Err::<Villain, _>("it is\x1b a villain")
        });
    })
}

#[derive(clap::Args)]
struct NoOptions {}

#[derive(Clone, Copy)]
struct Villain(Behavior);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Behavior {
    Panic,
    Fail,
    Stubborn,
    Endless,
    Stuck,
    Slow,
    Drop,
    Burst,
    Refuse,
    Dice,
}

impl Service for Villain {
    fn connect(&self, _: &Peer) -> Result<Box<dyn Session>, Refusal> {
        if self.0 == Behavior::Refuse {
            return Err(Refusal("Not you.".into()));
        }
        if self.0 == Behavior::Drop {
            return Ok(Box::new(Dropper));
        }
        Ok(Box::new(*self))
    }
}

impl Session for Villain {
    fn on_open(&mut self, out: &mut Outbox) -> Result {
        match self.0 {
            Behavior::Endless => self.on_writable(out),
            Behavior::Dice => {
                let numbers: Vec<String> = (0..8)
                    .map(|_| rand::rng().random::<u64>().to_string())
                    .collect();
                out.send(numbers.join(" ").as_bytes());
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
            Behavior::Panic => panic!("at {}", String::from_utf8_lossy(line)),
            Behavior::Burst => {
                out.send(&[b'x'; 400_000]);
                match line {
                    b"close" => Ok(Flow::Close),
                    _ => Err(Error::Failed("on purpose".into())),
                }
            }
            Behavior::Fail => Err(Error::Failed(
                String::from_utf8_lossy(line).into_owned().into(),
            )),
            Behavior::Stuck => loop {
                std::hint::spin_loop();
            },
            Behavior::Slow => {
                thread::sleep(Duration::from_millis(20));
                out.send(line);
                Ok(Flow::Continue)
            }
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
        Ok(if self.0 == Behavior::Stubborn {
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
