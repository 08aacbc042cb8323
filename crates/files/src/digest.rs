//! What a file is, in a few bytes: its length and its SHA-256.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::error::FileError;

/// A SHA-256, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// What a file is: no other has the same. It is shown as both numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// So many bytes.
    pub length: u64,
    /// Of all of them.
    pub sha256: Digest,
}

/// Words that are no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits")]
pub struct ParseDigestError;

impl Digest {
    /// That of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.length, self.sha256)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(digits: &str) -> Result<Self, ParseDigestError> {
        let mut digest = [0; 32];
        let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
            return Err(ParseDigestError);
        };
        if pairs.len() != digest.len() {
            return Err(ParseDigestError);
        }
        for (byte, pair) in digest.iter_mut().zip(pairs) {
            for &digit in pair {
                let value = char::from(digit).to_digit(16).ok_or(ParseDigestError)?;
                *byte = *byte << 4 | u8::try_from(value).map_err(|_| ParseDigestError)?;
            }
        }
        Ok(Self(digest))
    }
}

/// The digest of a file in the making, so that no step takes long.
#[derive(Debug)]
pub struct FileHasher {
    file: File,
    done: u64,
    length: u64,
    hash: Hasher,
}

impl FileHasher {
    /// Of the first `length` bytes of `file`.
    #[must_use]
    pub fn new(file: File, length: u64) -> Self {
        Self {
            file,
            done: 0,
            length,
            hash: Hasher::default(),
        }
    }

    /// Goes on for about `most` bytes; tells the digest once all are done.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has become shorter.
    pub fn step(&mut self, most: u64) -> Result<Option<Digest>, FileError> {
        let goal = self.length.min(self.done.saturating_add(most.max(1)));
        let mut buffer = vec![0; BUFFER_BYTES];
        while self.done < goal {
            let wanted = usize::try_from(goal - self.done).unwrap_or(usize::MAX);
            let wanted = &mut buffer[..wanted.min(BUFFER_BYTES)];
            let count = match self.file.read_at(wanted, self.done) {
                Ok(0) => return Err(FileError::Short { length: self.done }),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.hash.update(&wanted[..count]);
            self.done += count as u64;
        }
        Ok((self.done == self.length).then(|| self.hash.digest()))
    }
}

/// The digest of what has come so far.
#[derive(Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digest().fmt(f)
    }
}

const BUFFER_BYTES: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_words() {
        assert_eq!(Digest::of(b"").to_string(), OF_NOTHING);
        let capitals = OF_NOTHING.to_uppercase();
        assert_eq!(capitals.parse(), Ok(Digest::of(b"")));
        for wrong in ["", "e3", &OF_NOTHING[1..], &capitals.replace('E', "+")] {
            assert_eq!(wrong.parse::<Digest>(), Err(ParseDigestError), "{wrong}");
        }
        let too_long = format!("{OF_NOTHING}00");
        assert_eq!(too_long.parse::<Digest>(), Err(ParseDigestError));
    }

    #[test]
    fn a_file_is_hashed_in_steps() {
        let content: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&content).expect("there is room");
        for (length, most) in [
            (0, 1),
            (1, 0),
            (5, 2),
            (300_000, 7_000),
            (299_999, u64::MAX),
        ] {
            let own = file.try_clone().expect("a file can be cloned");
            let mut hashing = FileHasher::new(own, length);
            let digest = loop {
                if let Some(digest) = hashing.step(most).expect("it is as long as that") {
                    break digest;
                }
            };
            let length = usize::try_from(length).expect("small");
            assert_eq!(digest, Digest::of(&content[..length]));
        }
        let mut hashing = FileHasher::new(file, 300_001);
        let problem = hashing.step(u64::MAX).expect_err("it is shorter");
        assert!(matches!(problem, FileError::Short { length: 300_000 }));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(bytes: [u8; 32]) {
            prop_assert_eq!(Digest(bytes).to_string().parse(), Ok(Digest(bytes)));
        }
    }
}
