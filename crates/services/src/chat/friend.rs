//! The virtual friend, who sits in every room: each person has a talk of their own with her.

use switchboard_eliza::{Conversation, Script};

use crate::chat::name::Name;

/// The talk of one person with the friend.
pub(super) struct Friend(Conversation);

impl Friend {
    /// Her name, in lower case. Nobody else has it.
    pub(super) const NAME: &'static str = "eliza";

    /// By this script; the same words from the same seed.
    pub(super) fn new(script: &Script, seed: u64) -> Self {
        Self(Conversation::new(script, seed))
    }

    /// Whether this is her name.
    pub(super) fn is_called(name: &Name) -> bool {
        name.folded() == Self::NAME
    }

    /// What she answers, in one line.
    pub(super) fn reply(&mut self, words: &str) -> String {
        self.0.reply(words).text
    }

    /// What she is told with a line that is said to all, if it is said to her.
    pub(super) fn addressed(line: &str) -> Option<&str> {
        let (name, words) = line.split_at_checked(Self::NAME.len())?;
        let is_to_her = name.eq_ignore_ascii_case(Self::NAME) && words.starts_with(ENDS);
        is_to_her.then(|| words.trim_start_matches(ENDS))
    }
}

const ENDS: [char; 3] = [',', ':', ' ']; // of her name, where she is called by it

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, words: Option<&str>) {
        assert_eq!(Friend::addressed(line), words);
    }

    #[test]
    fn she_knows_when_she_is_spoken_to() {
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
