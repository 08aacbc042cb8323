//! Lines per second that an ELIZA program answers through a pipe.
//!
//! Some hundreds of ordinary sentences are written repeatedly to its standard input, as fast as
//! possible, while the replies are read. The baseline is a simple ELIZA in Python
//! (`bench/eliza.py`), with its own few rules and, for the default script, with all patterns of
//! that script. The time includes the start of the program. The second column is the processor time
//! of the program, which depends less on other load.
//!
//! `target/release/talk [LINES [ROUNDS]] [SCRIPT]...`

use std::env;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use switchboard_bench::{Column, Contender, pipe_programs, run_rounds, sentences};

fn main() -> io::Result<()> {
    let (numbers, scripts): (Vec<_>, Vec<_>) = env::args()
        .skip(1)
        .partition(|word| word.parse::<usize>().is_ok_and(|number| 0 < number));
    let number = |place: usize, usual| match numbers.get(place) {
        Some(word) => word.parse().expect("the partition selected numbers"),
        None => usual,
    };
    let (lines, rounds) = (number(0, 50_000), number(1, 5));
    let input = sentences(lines);
    println!("{lines} lines, {rounds} rounds");
    let columns =
        [("lines/s", 0), ("CPU, us a line", 2)].map(|(head, digits)| Column { head, digits });
    run_rounds(pipe_programs(&scripts)?, rounds as u64, columns, |friend| {
        measure(friend, &input, lines)
    });
    Ok(())
}

fn measure(friend: &Contender, input: &[u8], lines: usize) -> io::Result<[f64; 2]> {
    let (start, used) = (Instant::now(), used()?);
    let mut child = friend
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input_pipe = child.stdin.take().expect("it is piped");
    let mut output = child.stdout.take().expect("it is piped");
    let replies = thread::scope(|scope| {
        let writer = scope.spawn(move || input_pipe.write_all(input));
        let replies = count(&mut output);
        writer.join().expect("a writer does not panic")?;
        replies
    })?;
    let status = child.wait()?;
    let seconds = start.elapsed().as_secs_f64();
    // There may be a greeting and a farewell.
    if !status.success() || !(lines..=lines + 2).contains(&replies) {
        return Err(io::Error::other(format!("{replies} replies, {status}")));
    }
    let used = self::used()? - used;
    Ok([lines as f64 / seconds, used * 1e6 / lines as f64])
}

/// The processor time of all child processes that have exited, in seconds.
fn used() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times
        .map(|time| time.num_microseconds() as f64 / 1e6)
        .iter()
        .sum())
}

/// The number of lines until the end of input.
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
    fn hundreds_of_sentences_rotate() {
        let input = String::from_utf8(sentences(2000)).expect("they are text");
        let different: HashSet<&str> = input.lines().collect();
        assert_eq!(input.lines().count(), 2000);
        assert!(
            (500..1000).contains(&different.len()),
            "{}",
            different.len()
        );
        assert_eq!(count(&mut input.as_bytes()).ok(), Some(2000));
    }
}
