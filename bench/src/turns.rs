//! Taking turns, and the table of what came of it.

use std::io;

use crate::{Contender, Server, quantile};

/// One of the numbers that a measurement gives.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What it is, with its unit.
    pub head: &'static str,
    /// Digits after the point.
    pub digits: usize,
}

/// Measures the contenders in turns, and prints their medians.
///
/// Every contender has its turn in every round, on a server just started, so that a machine that
/// grows slower or faster does so for all; and every second round goes backwards, so that none
/// always follows the same one.
///
/// What is held against a mark is divided by it within each round, where both had the same machine,
/// in the first column; the ratio printed is the median of those, with the middle half of them in
/// brackets. There is none to a mark that came to nothing.
///
/// A first round warms up and does not count. A contender that cannot be started or measured is
/// left out from then on, with a line that says why.
pub fn compare<const N: usize>(
    contenders: Vec<Contender>,
    rounds: u64,
    columns: [Column; N],
    mut measure: impl FnMut(&Server) -> io::Result<[f64; N]>,
) {
    take_turns(contenders, rounds, columns, |contender| {
        let server = contender.start()?;
        measure(&server).map_err(|error| server.explain(error))
    });
}

/// The same, for what is no server: each turn begins with the contender itself.
pub fn take_turns<const N: usize>(
    contenders: Vec<Contender>,
    rounds: u64,
    columns: [Column; N],
    mut measure: impl FnMut(&Contender) -> io::Result<[f64; N]>,
) {
    let mut takers: Vec<Taker<N>> = contenders
        .into_iter()
        .enumerate()
        .map(|(place, contender)| Taker {
            place,
            contender,
            turns: Vec::new(),
        })
        .collect();
    for round in 0..=rounds {
        takers.retain_mut(|taker| match measure(&taker.contender) {
            Ok(_) if round == 0 => true,
            Ok(turn) => {
                taker.turns.push(turn);
                true
            }
            Err(error) => {
                eprintln!("left out: {}: {error}", taker.contender.name);
                false
            }
        });
        takers.reverse();
    }
    takers.sort_by_key(|taker| taker.place);
    print(&takers, columns);
}

struct Taker<const N: usize> {
    place: usize,
    contender: Contender,
    turns: Vec<[f64; N]>,
}

fn print<const N: usize>(takers: &[Taker<N>], columns: [Column; N]) {
    print!("{:28}", "server");
    for column in columns {
        print!(" {:>16}", column.head);
    }
    println!("  ratio");
    for taker in takers {
        print!("{:28}", taker.contender.name);
        for (place, Column { digits, .. }) in columns.into_iter().enumerate() {
            let median = quantile(taker.turns.iter().map(|turn| turn[place]), 0.5);
            print!(" {median:16.digits$}");
        }
        let mark = takers
            .iter()
            .find(|mark| taker.contender.mark == Some(&mark.contender.name));
        match mark {
            Some(mark) if mark.turns.iter().all(|turn| turn[0] != 0.0) => {
                println!("  {}", ratio(taker, mark));
            }
            _ => println!(),
        }
    }
}

fn ratio<const N: usize>(taker: &Taker<N>, mark: &Taker<N>) -> String {
    let turns = taker.turns.iter().zip(&mark.turns);
    let ratios = turns.map(|(ours, theirs)| ours[0] / theirs[0]);
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|part| quantile(ratios.clone(), part));
    format!(
        "{middle:.2} ({low:.2} to {high:.2}) of {}",
        mark.contender.name
    )
}
