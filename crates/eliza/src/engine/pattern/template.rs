//! Reply templates.

/// A reply in which `{1}`, `{2}`, … are the parts that the pattern captured, and `{name}` is the
/// learnt value of that name.
#[derive(Debug)]
pub(crate) struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Part(usize),   // from 0
    Learnt(usize), // from 0
}

impl Template {
    /// Parses a reply for a pattern that captures `parts` parts, with the `names` of learnt values.
    ///
    /// # Errors
    ///
    /// A message about an invalid placeholder.
    pub(crate) fn parse(source: &str, parts: usize, names: &[String]) -> Result<Self, String> {
        if source.trim().is_empty() {
            return Err("a reply must not be empty".to_owned());
        }
        if source.chars().any(char::is_control) {
            return Err("a reply is one line without control characters".to_owned());
        }
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((words, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("'{' without '}' in a reply")?;
            let learnt = names.iter().position(|known| known == name);
            let piece = match learnt {
                Some(learnt) => Piece::Learnt(learnt),
                None => Piece::Part(part(name, parts)?),
            };
            pieces.extend([Piece::Words(words.to_owned()), piece]);
            rest = after;
        }
        if rest.contains('}') {
            return Err("'}' without '{' in a reply".to_owned());
        }
        pieces.push(Piece::Words(rest.to_owned()));
        let source = source.to_owned();
        Ok(Self { source, pieces })
    }

    /// As in the script.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it uses a learnt value.
    pub(crate) fn needs_learning(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Learnt(_)))
    }

    /// The reply, with `part(index)` for each part, from 0. `None` if it needs a value that was not
    /// learnt.
    pub(crate) fn fill(
        &self,
        part: impl Fn(usize) -> String,
        learnt: &[Option<String>],
    ) -> Option<String> {
        let mut text = String::with_capacity(self.source.len() + 32);
        for piece in &self.pieces {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Part(index) if text.is_empty() => text.push_str(&capitalized(&part(*index))),
                Piece::Part(index) => text.push_str(&part(*index)),
                Piece::Learnt(index) => text.push_str(learnt[*index].as_ref()?),
            }
            if MAX_REPLY_BYTES < text.len() {
                text.truncate(text.floor_char_boundary(MAX_REPLY_BYTES));
                break;
            }
        }
        Some(text)
    }
}

const MAX_REPLY_BYTES: usize = 4096; // a template may repeat a part many times

/// With a capital first letter, as at the start of a sentence or for a name.
pub(crate) fn capitalized(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

/// The index of the part with this number.
fn part(number: &str, parts: usize) -> Result<usize, String> {
    let part = number
        .parse::<usize>()
        .ok()
        .filter(|part| (1..=9).contains(part));
    let part = part.ok_or_else(|| {
        format!("'{{{number}}}' in a reply: a part is {{1}} to {{9}}, and no rule learns that name")
    })?;
    if parts < part {
        return Err(format!(
            "'{{{part}}}' in a reply, but a pattern captures {parts}"
        ));
    }
    Ok(part - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let refused = Template::parse(text, 2, &[]).map(|_| ());
        assert_eq!(refused, Err(why.to_owned()));
    }

    #[test]
    fn placeholders_are_filled() {
        let names = ["name".to_owned()];
        let template = Template::parse("{2}, or {1}, {name}?", 2, &names).expect("well formed");
        let part = |index: usize| ["this", "that"][index].to_owned();
        let known = template.fill(part, &[Some("Ann".to_owned())]);
        assert_eq!(known.as_deref(), Some("That, or this, Ann?"));
        assert_eq!(template.fill(part, &[None]), None);
    }

    #[test]
    fn a_too_long_reply_is_cut() {
        let template = Template::parse(&"{1} ".repeat(100_000), 1, &[]).expect("well formed");
        let reply = template
            .fill(|_| "ä".repeat(150), &[])
            .expect("nothing is to be learnt");
        assert!((4095..=4096).contains(&reply.len()));
    }

    #[test]
    fn malformed_replies_are_rejected() {
        refused("", "a reply must not be empty");
        refused("why {1", "'{' without '}' in a reply");
        refused("why 1}", "'}' without '{' in a reply");
        refused(
            "why {0}",
            "'{0}' in a reply: a part is {1} to {9}, and no rule learns that name",
        );
        refused(
            "why {x}",
            "'{x}' in a reply: a part is {1} to {9}, and no rule learns that name",
        );
        refused("why {3}", "'{3}' in a reply, but a pattern captures 2");
        refused(
            "two\nlines",
            "a reply is one line without control characters",
        );
    }
}
