//! The virtual friend in the chat. Each person has a conversation of its own with it.

use switchboard_eliza::{Conversation, Script};

use crate::chat::name::Name;

/// The conversation of one person with the bot.
pub(super) struct Bot(Conversation);

impl Bot {
    /// Its name, in lower case. It is reserved while the bot is there.
    pub(super) const NAME: &'static str = "eliza";

    /// A conversation by this script; the same input gets the same answers with the same seed.
    pub(super) fn new(script: &Script, seed: u64) -> Self {
        Self(Conversation::new(script, seed))
    }

    pub(super) fn has_name(name: &Name) -> bool {
        name.folded() == Self::NAME
    }

    /// Its answer, in one line.
    pub(super) fn reply(&mut self, text: &str) -> String {
        self.0.reply(text).text
    }

    /// The text after its name, if the line begins with the name.
    pub(super) fn addressed(line: &str) -> Option<&str> {
        let (name, text) = line.split_at_checked(Self::NAME.len())?;
        let is_addressed = name.eq_ignore_ascii_case(Self::NAME) && text.starts_with(SEPARATORS);
        is_addressed.then(|| text.trim_start_matches(SEPARATORS))
    }
}

const SEPARATORS: [char; 3] = [',', ':', ' '];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, text: Option<&str>) {
        assert_eq!(Bot::addressed(line), text);
    }

    #[test]
    fn a_line_that_begins_with_the_name_is_addressed_to_the_bot() {
        check("eliza, I am sad", Some("I am sad"));
        check("Eliza: hello", Some("hello"));
        check("ELIZA hello", Some("hello"));
        check("eliza,", Some(""));
        check("elizabeth, hello", None);
        check("eliza-2: hello", None);
        check(" eliza, hello", None);
        check("I like eliza, too", None);
        check("elizä, hello", None);
        check("eli", None);
    }
}
