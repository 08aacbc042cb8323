//! The virtual friend in the chat. Each person has a conversation of its own with it.

/// Its name, in lower case. It is reserved while the bot is there.
pub(super) const NAME: &str = "eliza";

/// The text after its name, if the line begins with the name.
pub(super) fn addressed(line: &str) -> Option<&str> {
    let (name, text) = line.split_at_checked(NAME.len())?;
    let is_addressed = name.eq_ignore_ascii_case(NAME) && text.starts_with(SEPARATORS);
    is_addressed.then(|| text.trim_start_matches(SEPARATORS))
}

const SEPARATORS: [char; 3] = [',', ':', ' '];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, text: Option<&str>) {
        assert_eq!(addressed(line), text);
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
