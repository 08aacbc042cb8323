//! The text of system errors.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Displays an error in lower case and without its number: `connection refused`, where [`io::Error`]
/// displays `Connection refused (os error 111)`.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a>(pub &'a io::Error);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(errno) = self.0.raw_os_error().map(Errno::from_raw) else {
            return self.0.fmt(f);
        };
        let text = errno.desc();
        match text.as_bytes() {
            // Not an abbreviation, as in "RPC version wrong".
            [first, second, ..] if second.is_ascii_lowercase() => {
                write!(f, "{}{}", first.to_ascii_lowercase() as char, &text[1..])
            }
            _ => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_has_no_number() {
        let check = |error: &io::Error, text| assert_eq!(Cause(error).to_string(), text);
        check(&Errno::ECONNREFUSED.into(), "connection refused");
        check(&Errno::EIO.into(), "I/O error");
        check(&io::Error::other("Its own words"), "Its own words");
        check(&io::ErrorKind::BrokenPipe.into(), "broken pipe");
    }
}
