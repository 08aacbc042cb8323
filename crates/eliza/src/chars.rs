//! Character classes shared by the engines: white space and invisible control characters.

/// Whether it separates words, in input lines and in scripts.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_unseen(character)
}

/// Whether it is a control character or a bidirectional formatting character. Replies never contain
/// one, because a terminal acts on it.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use crate::{Conversation, Script};

    const CLASSIC: &str =
        "(HI)(MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))(A ((0) (B)))(NONE ((0) (YOU SAY 1)))";
    const HAYDEN: &str = "key: xnone\ndecomp: *\nreasmb: You say (1)\n";

    #[test]
    fn replies_contain_no_invisible_characters() {
        let input = "I need \u{202e}x\u{1b}[31m\u{2066}y\u{9b}z\0";
        for script in [
            Script::load(CLASSIC),
            Script::load(HAYDEN),
            Script::friend(),
        ] {
            let script = script.expect("it is a script");
            let reply = Conversation::new(&script, 1).reply(input).text;
            let format = script.format();
            let small = reply.to_lowercase();
            assert!(small.contains("m y z"), "{format}: {reply:?}");
            assert!(!reply.chars().any(super::is_unseen), "{format}: {reply:?}");
        }
    }
}
