//! What nobody sees, but a terminal acts on.

/// Whether it is a control character, or one that turns the direction of what follows. Nobody's
/// words are said back with it.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
