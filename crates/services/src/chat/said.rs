//! What a line means.

/// What somebody wants with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'l> {
    /// To say it.
    Words(&'l str),
    /// `/me`: to be seen doing this.
    Action(&'l str),
    /// `/nick`: another name.
    Nick(&'l str),
    /// `/who`: the names of all in the room.
    Who,
    /// `/join`: to go to this room.
    Join(&'l str),
    /// `/leave`: to go back to the lobby.
    Leave,
    /// `/msg`: to tell one person something.
    Private(&'l str, &'l str),
    /// `/help`: to know all this.
    Help,
    /// `/quit`: to go.
    Quit,
    /// A command of which something is missing; how it is used.
    Unfinished(&'static str),
    /// A command that there is not.
    Unknown(&'l str),
}

impl<'l> Said<'l> {
    /// Reads a line. A command begins with a slash and may be in any case; with two slashes, a line
    /// is said with one.
    pub(super) fn read(line: &'l str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return Self::Words(line);
        };
        if command.starts_with('/') {
            return Self::Words(command);
        }
        let (command, rest) = cut(command);
        match (&*command.to_ascii_lowercase(), rest) {
            ("me", "") => Self::Unfinished("/me ACTION"),
            ("me", action) => Self::Action(action),
            ("nick", "") => Self::Unfinished("/nick NAME"),
            ("nick", name) => Self::Nick(name),
            ("join", "") => Self::Unfinished("/join ROOM"),
            ("join", room) => Self::Join(room),
            ("msg", rest) => match cut(rest) {
                (_, "") => Self::Unfinished("/msg NAME TEXT"),
                (name, text) => Self::Private(name, text),
            },
            ("who", _) => Self::Who,
            ("leave", _) => Self::Leave,
            ("help", _) => Self::Help,
            ("quit", _) => Self::Quit,
            _ => Self::Unknown(command),
        }
    }
}

/// All commands, a line each.
pub(super) const HELP: &str = "\
All that you say is heard in your room, and in no other. Beside that:
/who            who is in the room
/me ACTION      be seen doing something
/msg NAME TEXT  tell one person something, in whatever room that is
/nick NAME      go by another name
/join ROOM      go to another room; if it is not there, you are the first
/leave          go back to the lobby
/help           this
/quit           goodbye
A line that begins with // is said, with one slash.";

/// The first word, and what follows the spaces behind it.
fn cut(words: &str) -> (&str, &str) {
    let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, said: Said<'_>) {
        assert_eq!(Said::read(line), said);
    }

    #[test]
    fn what_is_no_command_is_said() {
        check("hello", Said::Words("hello"));
        check("  indented /who", Said::Words("  indented /who"));
        check("//who", Said::Words("/who"));
        check("///", Said::Words("//"));
    }

    #[test]
    fn commands_are_read_in_any_case() {
        check("/me  waves  twice ", Said::Action("waves  twice"));
        check("/NICK bob", Said::Nick("bob"));
        check("/nick the great", Said::Nick("the great"));
        check("/join #rust ", Said::Join("#rust"));
        check("/msg bob  hi there", Said::Private("bob", "hi there"));
        for (line, said) in [
            ("/who", Said::Who),
            ("/leave", Said::Leave),
            ("/Help me", Said::Help),
            ("/quit", Said::Quit),
        ] {
            check(line, said);
        }
    }

    #[test]
    fn what_cannot_be_done_is_never_said() {
        check("/nick", Said::Unfinished("/nick NAME"));
        check("/me ", Said::Unfinished("/me ACTION"));
        check("/join  ", Said::Unfinished("/join ROOM"));
        check("/msg", Said::Unfinished("/msg NAME TEXT"));
        check("/msg bob ", Said::Unfinished("/msg NAME TEXT"));
        check("/meme waves", Said::Unknown("meme"));
        check("/", Said::Unknown(""));
        check("/ who", Said::Unknown(""));
    }

    #[test]
    fn help_names_every_command() {
        for command in [
            "me", "msg", "nick", "who", "join", "leave", "help", "quit", "/",
        ] {
            assert!(HELP.contains(&format!("/{command} ")), "{command}");
        }
    }
}
