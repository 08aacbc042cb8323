//! The name of a file below a folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A relative path below a folder: parts of any bytes but NUL, separated by `/`, none of them `..`.
///
/// It may end with `/`; then it is the name of a folder only.
///
/// [`Folder`](crate::Folder) makes sure that it leads through no symbolic link.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

/// Why bytes are not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is the folder itself, where a file is required.
    #[error("the name of a file is missing")]
    Empty,
    /// A part is `..`.
    #[error("a name must not lead up (..)")]
    Up,
    /// It has a zero byte.
    #[error("a name must not have a zero byte")]
    Nul,
    /// It ends with `/`, where a file is required.
    #[error("the name of a file must not end with /")]
    Folder,
    /// A part begins with a dot, and hidden files are not served.
    #[error("names that begin with a dot are not allowed here")]
    Hidden,
    /// A part is longer than 255 bytes, or the whole is longer than 4095.
    #[error("a name has at most 255 bytes in each part, and 4095 in all")]
    Long,
}

impl Name {
    /// The folder itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses a name. A leading `/`, empty parts and `.` are dropped, but not a `/` at the end.
    ///
    /// # Errors
    ///
    /// A part is `..`, there is a zero byte, or the name is too long.
    pub fn parse(bytes: &[u8]) -> Result<Self, NameError> {
        if MAX_BYTES < bytes.len() {
            return Err(NameError::Long);
        }
        if bytes.contains(&0) {
            return Err(NameError::Nul);
        }
        let mut name = Self::root();
        for part in bytes.split(|&byte| byte == b'/') {
            match part {
                b"" | b"." => (),
                b".." => return Err(NameError::Up),
                part if MAX_PART_BYTES < part.len() => return Err(NameError::Long),
                part => {
                    if !name.is_root() {
                        name.0.push(b'/');
                    }
                    name.0.extend_from_slice(part);
                }
            }
        }
        if !name.is_root() && (bytes.ends_with(b"/") || bytes.ends_with(b"/.")) {
            name.0.push(b'/');
        }
        Ok(name)
    }

    /// The bytes, without `/` at the beginning and end; empty for the folder itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.strip_suffix(b"/").unwrap_or(&self.0)
    }

    /// Whether it ends with `/`, so that it cannot be that of a file.
    #[must_use]
    pub fn is_of_folder(&self) -> bool {
        self.0.ends_with(b"/")
    }

    /// As a relative path, which may end with `/`; `.` for the folder itself.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        let bytes: &[u8] = if self.is_root() { b"." } else { &self.0 };
        Path::new(OsStr::from_bytes(bytes))
    }

    /// Whether it is the folder itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a part begins with a dot.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.parts().any(|part| part.starts_with(b"."))
    }

    /// The parts, from the folder down.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let parts = self.0.split(|&byte| byte == b'/');
        parts.filter(|part| !part.is_empty()) // splitting nothing yields one empty part
    }

    /// The name of the parent folder, and the last part; `None` for the folder itself.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &[u8])> {
        if self.is_root() {
            return None;
        }
        let bytes = self.as_bytes();
        match bytes.iter().rposition(|&byte| byte == b'/') {
            None => Some((Self::root(), bytes)),
            Some(at) => Some((Self(bytes[..at].to_owned()), &bytes[at + 1..])),
        }
    }

    /// The name of `below` in this folder.
    ///
    /// # Errors
    ///
    /// `below` is not a valid name, or the result is too long.
    pub fn join(&self, below: &[u8]) -> Result<Self, NameError> {
        Self::parse(&[self.as_bytes(), b"/", below].concat())
    }
}

const MAX_BYTES: usize = 4095; // PATH_MAX without the NUL
const MAX_PART_BYTES: usize = 255; // NAME_MAX

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, name: Result<&[u8], NameError>) {
        let read = Name::parse(bytes.as_ref());
        assert_eq!(read.as_ref().map(Name::as_bytes), name.as_ref().copied());
    }

    #[test]
    fn names_do_not_lead_up() {
        check("notes.txt", Ok(b"notes.txt"));
        check("/a//b/./c/", Ok(b"a/b/c"));
        for root in ["", "/", ".", "./.", "//"] {
            check(root, Ok(b""));
        }
        for up in ["..", "/..", "a/..", "a/../b", "../../etc/passwd"] {
            check(up, Err(NameError::Up));
        }
        check("a/...", Ok(b"a/..."));
        check("..a", Ok(b"..a"));
        check("a\0b", Err(NameError::Nul));
        check("\0..", Err(NameError::Nul));
        check("x".repeat(255), Ok("x".repeat(255).as_bytes()));
        check("x".repeat(256), Err(NameError::Long));
        let long = "x/".repeat(2047) + "x";
        check(&long, Ok(long.as_bytes()));
        check("x/".repeat(2048), Err(NameError::Long));
        check("/".repeat(4096), Err(NameError::Long));
    }

    #[test]
    fn names_have_parts() {
        let name = Name::parse(b"/a/.b/c").expect("a name");
        let parts: Vec<_> = name.parts().collect();
        assert_eq!(parts, [&b"a"[..], b".b", b"c"]);
        assert!(name.is_hidden());
        let (folder, last) = name.split_last().expect("a last part");
        assert_eq!((folder.as_bytes(), last), (&b"a/.b"[..], &b"c"[..]));
        assert_eq!(folder.join(last), Ok(name.clone()));
        assert_eq!(folder.join(b".."), Err(NameError::Up));
        assert_eq!(Name::root().split_last(), None);
        assert_eq!(Name::root().parts().count(), 0);
        assert_eq!(Name::root().as_path(), Path::new("."));
        for ends in ["a/b/", "a/b//", "/a/b/.", "a/b/./"] {
            let name = Name::parse(ends.as_bytes()).expect("a name");
            assert!(name.is_of_folder(), "{ends}");
            assert_eq!(name.split_last().expect("a last part").1, b"b");
        }
        assert!(!Name::parse(b"/.").expect("a name").is_of_folder());
        assert!(!Name::parse(b"a.b/c.").expect("a name").is_hidden());
    }

    proptest! {
        #[test]
        fn a_name_stays_below(bytes: Vec<u8>) {
            if let Ok(name) = Name::parse(&bytes) {
                prop_assert!(name.parts().all(|part| !matches!(part, b"" | b"." | b"..")));
                prop_assert!(!name.as_path().is_absolute());
                let same = Name::parse(name.as_bytes()).expect("a name");
                prop_assert_eq!(same.as_bytes(), name.as_bytes());
                prop_assert!(!same.is_of_folder());
                prop_assert_eq!(Name::parse(name.as_path().as_os_str().as_bytes()), Ok(name.clone()));
            }
        }
    }
}
