//! Synonym lists, as alternatives in patterns.

use std::collections::HashMap;

/// Word lists by name.
#[derive(Debug, Default)]
pub(crate) struct Synonyms(HashMap<String, String>);

impl Synonyms {
    /// Adds a list. Each word may itself be a pattern.
    pub(crate) fn add(&mut self, name: &str, words: &[&str]) {
        let any = format!("(?:{})", words.join("|"));
        self.0.insert(name.to_owned(), any);
    }

    /// Replaces every `<name>` in the pattern by the alternatives of that list. `(?<name>` and
    /// `(?P<name>` are named groups, as usual.
    ///
    /// # Errors
    ///
    /// A message about an unknown name or a too long result.
    pub(crate) fn expand(&self, pattern: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('<') {
            expanded.push_str(before);
            let name = after.split_once('>').filter(|(name, _)| is_name(name));
            match name {
                Some((name, after)) if !NO_SYNONYM.iter().any(|opens| before.ends_with(opens)) => {
                    let words = self.0.get(name);
                    expanded.push_str(words.ok_or_else(|| format!("no synonym list <{name}>"))?);
                    if MAX_BYTES < expanded.len() {
                        return Err(TOO_LONG.to_owned());
                    }
                    rest = after;
                }
                _ => {
                    expanded.push('<');
                    rest = after;
                }
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

const MAX_BYTES: usize = 16 * 1024; // limits the memory of a script with many patterns
const TOO_LONG: &str = "the pattern is too long: more than 16 KiB with its synonyms";
const NO_SYNONYM: &[&str] = &["(?", "(?P", "\\"]; // after these, < starts a group name or is literal

/// Whether it is a valid name of a synonym list, topic or learnt value.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expanded: Result<&str, &str>) {
        let mut synonyms = Synonyms::default();
        synonyms.add("sad", &["sad", "blue"]);
        let expanded = expanded.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(synonyms.expand(pattern), expanded);
    }

    #[test]
    fn too_long_expansions_are_rejected() {
        let mut synonyms = Synonyms::default();
        synonyms.add("much", &["word "; 1000]);
        assert!(synonyms.expand("<much> <much>").is_ok());
        assert_eq!(
            synonyms.expand(&"<much>".repeat(10_000)),
            Err(TOO_LONG.to_owned())
        );
    }

    #[test]
    fn names_expand_to_their_words() {
        check("i am (<sad>)$", Ok("i am ((?:sad|blue))$"));
        check("<sad> <sad>", Ok("(?:sad|blue) (?:sad|blue)"));
        check("<glad>", Err("no synonym list <glad>"));
        check("(?<sad>x)(?P<sad>y)", Ok("(?<sad>x)(?P<sad>y)"));
        check("a?<sad>P<sad>", Ok("a?(?:sad|blue)P(?:sad|blue)"));
        check("1 < 2 > 1 <<sad>", Ok("1 < 2 > 1 <(?:sad|blue)"));
        check("<sad", Ok("<sad"));
        check("\\<sad>", Ok("\\<sad>"));
    }
}
