//! The words behind a runner's name.

use std::{env, io};

/// The numbers given to the program, each at least 1; `usual` stands where none is given.
///
/// # Errors
///
/// A word that is no number, or one too many.
pub fn numbers<const N: usize>(mut usual: [u64; N]) -> io::Result<[u64; N]> {
    for (place, word) in env::args().skip(1).enumerate() {
        let number = word.parse().ok().filter(|number| 0 < *number);
        match (usual.get_mut(place), number) {
            (Some(usual), Some(number)) => *usual = number,
            _ => {
                return Err(io::Error::other(format!(
                    "{word}: only numbers, and {N} at most"
                )));
            }
        }
    }
    Ok(usual)
}
