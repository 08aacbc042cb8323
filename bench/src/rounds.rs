//! Runs the measurements in rounds and prints the table of results.

use std::io;

use crate::{Contender, Server, quantile};

/// A column of the table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name and unit.
    pub head: &'static str,
    /// Digits after the decimal point.
    pub digits: usize,
}

/// Measures the contenders in rounds and prints their medians.
///
/// Each round measures every contender once, on a fresh server, so that changes of the machine's
/// speed affect all alike. Every second round runs in reverse order, so that no contender always
/// follows the same one.
///
/// The first column is divided by that of the baseline within each round; the table shows the
/// median of these ratios and, in brackets, their quartiles. There is no ratio to a baseline of
/// zero.
///
/// The first round is a warm-up and does not count. A contender that cannot be started or measured
/// is left out from then on, and the error is printed.
pub fn compare<const N: usize>(
    contenders: Vec<Contender>,
    rounds: u64,
    columns: [Column; N],
    mut measure: impl FnMut(&Server) -> io::Result<[f64; N]>,
) {
    run_rounds(contenders, rounds, columns, |contender| {
        let server = contender.start()?;
        measure(&server).map_err(|error| server.explain(error))
    });
}

/// Like [`compare`], but `measure` gets the contender and starts it itself.
pub fn run_rounds<const N: usize>(
    contenders: Vec<Contender>,
    rounds: u64,
    columns: [Column; N],
    mut measure: impl FnMut(&Contender) -> io::Result<[f64; N]>,
) {
    let mut entries: Vec<Entry<N>> = contenders
        .into_iter()
        .enumerate()
        .map(|(place, contender)| Entry {
            place,
            contender,
            results: Vec::new(),
        })
        .collect();
    for round in 0..=rounds {
        entries.retain_mut(|entry| match measure(&entry.contender) {
            Ok(_) if round == 0 => true,
            Ok(result) => {
                entry.results.push(result);
                true
            }
            Err(error) => {
                eprintln!("left out: {}: {error}", entry.contender.name);
                false
            }
        });
        entries.reverse();
    }
    entries.sort_by_key(|entry| entry.place);
    print(&entries, columns);
}

struct Entry<const N: usize> {
    place: usize,
    contender: Contender,
    results: Vec<[f64; N]>,
}

fn print<const N: usize>(entries: &[Entry<N>], columns: [Column; N]) {
    print!("{:28}", "server");
    for column in columns {
        print!(" {:>16}", column.head);
    }
    println!("  ratio");
    for entry in entries {
        print!("{:28}", entry.contender.name);
        for (place, Column { digits, .. }) in columns.into_iter().enumerate() {
            let median = quantile(entry.results.iter().map(|result| result[place]), 0.5);
            print!(" {median:16.digits$}");
        }
        let baseline = entries
            .iter()
            .find(|baseline| entry.contender.baseline == Some(&baseline.contender.name));
        match baseline {
            Some(baseline) if baseline.results.iter().all(|result| result[0] != 0.0) => {
                println!("  {}", ratio(entry, baseline));
            }
            _ => println!(),
        }
    }
}

fn ratio<const N: usize>(entry: &Entry<N>, baseline: &Entry<N>) -> String {
    let results = entry.results.iter().zip(&baseline.results);
    let ratios = results.map(|(ours, theirs)| ours[0] / theirs[0]);
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|part| quantile(ratios.clone(), part));
    format!(
        "{middle:.2} ({low:.2} to {high:.2}) of {}",
        baseline.contender.name
    )
}
