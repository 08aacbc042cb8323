//! The virtual friend in the chat. Each person has a conversation of its own with it.

/// Its name, in lower case. It is reserved while the bot is there.
pub(super) const NAME: &str = "eliza";

/// The text for the bot, if the line begins or ends with its name.
pub(super) fn addressed(line: &str) -> Option<String> {
    let line = line.trim();
    let start = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    if let Some((name, text)) = start.split_at_checked(NAME.len())
        && name.eq_ignore_ascii_case(NAME)
        && !continues_word(text.chars())
    {
        return Some(text.trim_start_matches(is_separator).to_owned());
    }
    let end = line.trim_end_matches(|c: char| !c.is_alphanumeric());
    let (text, name) = end.split_at_checked(end.len().checked_sub(NAME.len())?)?;
    let is_addressed = name.eq_ignore_ascii_case(NAME) && !continues_word(text.chars().rev());
    is_addressed.then(|| text.trim_end_matches(is_separator).to_owned() + &line[end.len()..])
}

/// Whether the characters next to a word belong to it: a letter or digit, perhaps behind a character
/// that may be within a name.
fn continues_word(mut characters: impl Iterator<Item = char>) -> bool {
    let first = characters.next();
    let inner = ['-', '_', '.', '@', '\'', '’'];
    let next = match first.is_some_and(|c| inner.contains(&c)) {
        true => characters.next(),
        false => first,
    };
    next.is_some_and(char::is_alphanumeric)
}

/// What separates the name from the text.
fn is_separator(c: char) -> bool {
    !c.is_alphanumeric() && !['?', '"', '\'', '(', ')', '’'].contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, text: Option<&str>) {
        assert_eq!(addressed(line).as_deref(), text, "{line}");
    }

    #[test]
    fn a_line_that_begins_with_the_name_is_addressed_to_the_bot() {
        check("eliza, I am sad", Some("I am sad"));
        check("Eliza: hello", Some("hello"));
        check("ELIZA hello", Some("hello"));
        check("eliza,", Some(""));
        check("elizabeth, hello", None);
        check("eliza-2: hello", None);
        check("eliza", Some(""));
        check("Eliza! Are you there?", Some("Are you there?"));
        check("@eliza hello", Some("hello"));
        check(" eliza, hello", Some("hello"));
        check("eliza... hello", Some("hello"));
        check("eliza's hat", None);
        check("eliza.exe crashes", None);
        check("I like eliza, too", None);
        check("elizä, hello", None);
        check("eli", None);
    }

    #[test]
    fn a_line_that_ends_with_the_name_is_addressed_to_the_bot() {
        check("hi eliza", Some("hi"));
        check("Hello, ELIZA!", Some("Hello!"));
        check("How are you, Eliza?", Some("How are you?"));
        check("good night — eliza :-)", Some("good night :-)"));
        check("hi @eliza", Some("hi"));
        check("bob@eliza", None);
        check("hi melissa-eliza", None);
        check("hi elizabeth", None);
        check("hi éliza", None);
        check("hi Nieliza", None);
    }
}
