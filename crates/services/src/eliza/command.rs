//! What a peer may ask of the program rather than say to the friend.

/// A line that begins with an asterisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// How the last reply came about.
    Why,
    /// To begin anew.
    Reset,
    /// To begin anew with the script of this name.
    Script(&'a str),
    /// What there is; also where it is not clear.
    Help,
}

impl<'a> Command<'a> {
    /// The command in a line, if it is one.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let words = line.trim().strip_prefix('*')?.trim_start();
        let (name, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let known = [
            ("why", Self::Why),
            ("reset", Self::Reset),
            ("script", Self::Script(rest.trim())),
        ];
        let found = known
            .into_iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(name));
        Some(found.map_or(Self::Help, |(_, command)| command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, command: Option<Command<'_>>) {
        assert_eq!(Command::of(line), command);
    }

    #[test]
    fn an_asterisk_makes_a_command() {
        check("*why", Some(Command::Why));
        check(" * WHY  ", Some(Command::Why));
        check("*reset", Some(Command::Reset));
        check("*script ami", Some(Command::Script("ami")));
        check("*script  a b ", Some(Command::Script("a b")));
        check("*script", Some(Command::Script("")));
        for line in ["*", "*help", "*whyever", "**", "*é"] {
            check(line, Some(Command::Help));
        }
        for line in ["", "why", "I *really* mean it", "2 * 3"] {
            check(line, None);
        }
    }
}
