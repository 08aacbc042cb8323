//! Character classes shared by the engines: white space and invisible control characters.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether it separates words, in input lines and in scripts.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_unseen(character)
}

/// Whether it is a control character or an invisible formatting character. Replies never contain one,
/// because a terminal acts on it. The joiners U+200C and U+200D are parts of words and emoji.
fn is_unseen(character: char) -> bool {
    match character {
        '\u{200c}' | '\u{200d}' => false,
        _ if character.is_ascii() => character.is_control(), // most are: no table look-up
        _ => matches!(
            character.general_category(),
            GeneralCategory::Control | GeneralCategory::Format
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Conversation, Script};

    const DOCTOR1966: &str =
        "(HI)(MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))(A ((0) (B)))(NONE ((0) (YOU SAY 1)))";
    const HAYDEN: &str = "key: xnone\ndecomp: *\nreasmb: You say (1)\n";

    #[test]
    fn characters_without_a_width_count_as_nothing_in_scripts() {
        let script = HAYDEN.replace("You", "\u{200b}Yo\u{ad}u\u{2060}");
        let script = Script::load("\u{feff}".to_owned() + &script).expect("it is a script");
        let reply = Conversation::new(&script, 1).reply("yes");
        assert_eq!(reply.text, "You say yes");
    }

    #[test]
    fn replies_contain_no_invisible_characters() {
        let input = "I need \u{202e}x\u{1b}[31m\u{2066}y\u{9b}z\0";
        for script in [
            Script::load(DOCTOR1966),
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
