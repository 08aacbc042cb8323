//! Replies with room for what was said.

/// A reply in which `{1}`, `{2}` … stand for the parts that the pattern captured.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Part(usize), // from 0
}

impl Template {
    /// Reads a reply for a pattern that captures `parts` parts.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a placeholder.
    pub(crate) fn parse(text: &str, parts: usize) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a reply has words".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("a reply is one line without control characters".to_owned());
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((words, after)) = rest.split_once('{') {
            let (number, after) = after.split_once('}').ok_or("'{' without '}' in a reply")?;
            let part = number
                .parse::<usize>()
                .ok()
                .filter(|part| (1..=9).contains(part));
            let part =
                part.ok_or_else(|| format!("'{{{number}}}' in a reply: a part is {{1}} to {{9}}"))?;
            if parts < part {
                return Err(format!(
                    "'{{{part}}}' in a reply, but a pattern captures {parts}"
                ));
            }
            pieces.extend([Piece::Words(words.to_owned()), Piece::Part(part - 1)]);
            rest = after;
        }
        if rest.contains('}') {
            return Err("'}' without '{' in a reply".to_owned());
        }
        pieces.push(Piece::Words(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The reply, with the parts put in.
    pub(crate) fn fill(&self, parts: &[String]) -> String {
        let words = self.0.iter().map(|piece| match piece {
            Piece::Words(words) => words.as_str(),
            Piece::Part(part) => parts[*part].as_str(),
        });
        words.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, why: &str) {
        assert_eq!(Template::parse(text, 2), Err(why.to_owned()));
    }

    #[test]
    fn parts_are_put_in() {
        let template = Template::parse("{2}, or {1}?", 2).expect("it is well formed");
        assert_eq!(
            template.fill(&["this".to_owned(), "that".to_owned()]),
            "that, or this?"
        );
    }

    #[test]
    fn malformed_replies_are_refused() {
        refused("", "a reply has words");
        refused("why {1", "'{' without '}' in a reply");
        refused("why 1}", "'}' without '{' in a reply");
        refused("why {0}", "'{0}' in a reply: a part is {1} to {9}");
        refused("why {x}", "'{x}' in a reply: a part is {1} to {9}");
        refused("why {3}", "'{3}' in a reply, but a pattern captures 2");
        refused(
            "two\nlines",
            "a reply is one line without control characters",
        );
    }
}
