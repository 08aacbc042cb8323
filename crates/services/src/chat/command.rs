//! The commands of the chat.

/// A line of input, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'l> {
    /// A message to the room.
    Say(&'l str),
    /// `/me`: a message about oneself.
    Action(&'l str),
    /// `/nick`: take another name.
    Nick(&'l str),
    /// `/who`: list the names in the room.
    Who,
    /// `/join`: go to this room.
    Join(&'l str),
    /// `/leave`: go back to the lobby.
    Leave,
    /// `/msg`: a private message to this person.
    Private(&'l str, &'l str),
    /// `/help`: list the commands.
    Help,
    /// `/quit`: close the session.
    Quit,
    /// A command without its argument; its usage.
    Incomplete(&'static str),
    /// No such command.
    Unknown(&'l str),
}

impl<'l> Command<'l> {
    /// Parses a line. A command begins with a slash and is matched in any case. A line that begins
    /// with two slashes is a message that begins with one.
    pub(super) fn parse(line: &'l str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return Self::Say(line);
        };
        if command.starts_with('/') {
            return Self::Say(command);
        }
        let (command, rest) = split_word(command);
        match (&*command.to_ascii_lowercase(), rest) {
            ("me", "") => Self::Incomplete("/me ACTION"),
            ("me", action) => Self::Action(action),
            ("nick", "") => Self::Incomplete("/nick NAME"),
            ("nick", name) => Self::Nick(name),
            ("join", "") => Self::Incomplete("/join ROOM"),
            ("join", room) => Self::Join(room),
            ("msg", rest) => match split_word(rest) {
                (_, "") => Self::Incomplete("/msg NAME TEXT"),
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

/// The answer to `/help`, a line per command.
pub(super) const HELP: &str = "\
Lines are sent to everyone in your room. Commands:
/who            list the names in the room
/me ACTION      show an action
/msg NAME TEXT  send a private message, in any room
/nick NAME      change your name
/join ROOM      enter another room, and create it if necessary
/leave          return to the lobby
/help           list the commands
/quit           end the session
Begin a line with // to send it with one slash.";

/// Splits a text into its first word and the rest, without the spaces between them.
fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, command: Command<'_>) {
        assert_eq!(Command::parse(line), command);
    }

    #[test]
    fn other_lines_are_messages() {
        check("hello", Command::Say("hello"));
        check("  indented /who", Command::Say("  indented /who"));
        check("//who", Command::Say("/who"));
        check("///", Command::Say("//"));
    }

    #[test]
    fn commands_are_parsed_in_any_case() {
        check("/me  waves  twice ", Command::Action("waves  twice"));
        check("/NICK bob", Command::Nick("bob"));
        check("/nick the great", Command::Nick("the great"));
        check("/join #rust ", Command::Join("#rust"));
        check("/msg bob  hi there", Command::Private("bob", "hi there"));
        for (line, command) in [
            ("/who", Command::Who),
            ("/leave", Command::Leave),
            ("/Help me", Command::Help),
            ("/quit", Command::Quit),
        ] {
            check(line, command);
        }
    }

    #[test]
    fn an_invalid_command_is_not_a_message() {
        check("/nick", Command::Incomplete("/nick NAME"));
        check("/me ", Command::Incomplete("/me ACTION"));
        check("/join  ", Command::Incomplete("/join ROOM"));
        check("/msg", Command::Incomplete("/msg NAME TEXT"));
        check("/msg bob ", Command::Incomplete("/msg NAME TEXT"));
        check("/meme waves", Command::Unknown("meme"));
        check("/", Command::Unknown(""));
        check("/ who", Command::Unknown(""));
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
