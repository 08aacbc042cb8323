//! Command line arguments of the benchmarks.

use std::{env, io};

/// The numeric arguments, each at least 1; `defaults` for missing ones.
///
/// # Errors
///
/// An argument is not a number, or there are too many.
pub fn numbers<const N: usize>(mut defaults: [u64; N]) -> io::Result<[u64; N]> {
    for (place, argument) in env::args().skip(1).enumerate() {
        let number = argument.parse().ok().filter(|number| 0 < *number);
        match (defaults.get_mut(place), number) {
            (Some(defaults), Some(number)) => *defaults = number,
            _ => {
                return Err(io::Error::other(format!(
                    "{argument}: only numbers, and {N} at most"
                )));
            }
        }
    }
    Ok(defaults)
}
