//! The languages that scripts may name, by their tags.

use crate::engine::pattern::english::English;
use crate::engine::pattern::french::French;
use crate::engine::pattern::language::Language;

/// The language of this tag, if it is known.
pub(crate) fn of(tag: &str) -> Option<&'static dyn Language> {
    LANGUAGES
        .iter()
        .find(|(known, _)| *known == tag)
        .map(|&(_, language)| language)
}

/// The tags that are known, to be listed.
pub(crate) fn tags() -> String {
    let tags: Vec<_> = LANGUAGES.iter().map(|(tag, _)| *tag).collect();
    tags.join(", ")
}

/// What is spoken if nothing else is said.
pub(crate) fn english() -> &'static dyn Language {
    &English
}

const LANGUAGES: &[(&str, &dyn Language)] = &[("en", &English), ("fr", &French)];
