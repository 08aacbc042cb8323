//! The commands of a peer, which do not reach the conversation.

/// A line that begins with an asterisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// Explain the last reply.
    Why,
    /// Start the conversation again.
    Reset,
    /// Start again with the script of this name.
    Script(&'a str),
    /// List the commands.
    Help,
    /// No such command.
    Unknown(&'a str),
}

impl<'a> Command<'a> {
    /// The command in a line, if it is one.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let text = line.trim().strip_prefix('*')?.trim_start();
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Some(match &*name.to_ascii_lowercase() {
            "why" => Self::Why,
            "reset" => Self::Reset,
            "script" => Self::Script(rest.trim()),
            "" | "help" => Self::Help,
            _ => Self::Unknown(name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, command: Option<Command<'_>>) {
        assert_eq!(Command::parse(line), command);
    }

    #[test]
    fn an_asterisk_makes_a_command() {
        check("*why", Some(Command::Why));
        check(" * WHY  ", Some(Command::Why));
        check("*reset", Some(Command::Reset));
        check("*script ami", Some(Command::Script("ami")));
        check("*script  a b ", Some(Command::Script("a b")));
        check("*script", Some(Command::Script("")));
        for line in ["*", "*help", "* Help me"] {
            check(line, Some(Command::Help));
        }
        for name in ["whyever", "*", "é", "sigh*"] {
            check(&format!("*{name} a"), Some(Command::Unknown(name)));
        }
        for line in ["", "why", "I *really* mean it", "2 * 3"] {
            check(line, None);
        }
    }
}
