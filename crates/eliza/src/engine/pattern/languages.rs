//! The languages that scripts may use, by their tags.

use crate::engine::pattern::english::English;
use crate::engine::pattern::french::French;
use crate::engine::pattern::language::Language;

/// The language with this tag, if it is known.
pub(crate) fn of(tag: &str) -> Option<&'static dyn Language> {
    LANGUAGES
        .iter()
        .find(|(known, _)| *known == tag)
        .map(|&(_, language)| language)
}

/// All known tags, for error messages.
pub(crate) fn tags() -> String {
    let tags: Vec<_> = LANGUAGES.iter().map(|(tag, _)| *tag).collect();
    tags.join(", ")
}

/// The default language.
pub(crate) fn english() -> &'static dyn Language {
    &English
}

const LANGUAGES: &[(&str, &dyn Language)] = &[("en", &English), ("fr", &French)];
