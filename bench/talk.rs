//! Lines that a friend answers in a second through a pipe, side by side.
//!
//! Ordinary sentences, some hundreds of them over and over, are written into the one end as fast as
//! they are taken, and the replies are read at the other. The program's friend is held against the
//! plain kind of program that is written in an afternoon (`bench/eliza.py`), by its own few rules and,
//! where no other script is named, by as many as she has. The start of the program counts. The second column is what the program itself used of a processor, which other programs that
//! are busy change less.
//!
//! `target/release/talk [LINES [ROUNDS]] [SCRIPT]...`

use std::env;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use switchboard_bench::{Column, Contender, sentences, take_turns, through_a_pipe};

fn main() -> io::Result<()> {
    let (numbers, scripts): (Vec<_>, Vec<_>) = env::args()
        .skip(1)
        .partition(|word| word.parse::<usize>().is_ok_and(|number| 0 < number));
    let number = |place: usize, usual| match numbers.get(place) {
        Some(word) => word.parse().expect("it was told from the scripts so"),
        None => usual,
    };
    let (lines, rounds) = (number(0, 50_000), number(1, 5));
    let said = sentences(lines);
    println!("{lines} lines, {rounds} rounds");
    let columns =
        [("lines/s", 0), ("CPU, us a line", 2)].map(|(head, digits)| Column { head, digits });
    take_turns(
        through_a_pipe(&scripts)?,
        rounds as u64,
        columns,
        |friend| measure(friend, &said, lines),
    );
    Ok(())
}

fn measure(friend: &Contender, said: &[u8], lines: usize) -> io::Result<[f64; 2]> {
    let (start, used) = (Instant::now(), used()?);
    let mut child = friend
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut says = child.stdin.take().expect("it is piped");
    let mut hears = child.stdout.take().expect("it is piped");
    let replies = thread::scope(|scope| {
        let writer = scope.spawn(move || says.write_all(said));
        let replies = count(&mut hears);
        writer.join().expect("a writer does not panic")?;
        replies
    })?;
    let status = child.wait()?;
    let seconds = start.elapsed().as_secs_f64();
    // One may have words to open and to close with.
    if !status.success() || !(lines..=lines + 2).contains(&replies) {
        return Err(io::Error::other(format!("{replies} replies, {status}")));
    }
    let used = self::used()? - used;
    Ok([lines as f64 / seconds, used * 1e6 / lines as f64])
}

/// The processor time that programs started here and ended since have used, in seconds.
fn used() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times
        .map(|time| time.num_microseconds() as f64 / 1e6)
        .iter()
        .sum())
}

/// How many lines there are, to the end.
fn count(source: &mut impl Read) -> io::Result<usize> {
    let mut buffer = vec![0; 64 * 1024];
    let mut lines = 0;
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(lines),
            count => lines += memchr::memchr_iter(b'\n', &buffer[..count]).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn hundreds_of_sentences_have_their_turns() {
        let said = String::from_utf8(sentences(2000)).expect("they are text");
        let different: HashSet<&str> = said.lines().collect();
        assert_eq!(said.lines().count(), 2000);
        assert!(
            (500..1000).contains(&different.len()),
            "{}",
            different.len()
        );
        assert_eq!(count(&mut said.as_bytes()).ok(), Some(2000));
    }
}
