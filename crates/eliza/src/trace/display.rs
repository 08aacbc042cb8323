//! A trace as text: labelled rows.

use std::fmt::{self, Write};

use crate::trace::{Keyword, Source, Step, Trace};

impl fmt::Display for Trace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = if self.line.is_empty() {
            "nothing"
        } else {
            &self.line
        };
        row(out, "input", input)?;
        for step in &self.steps {
            show(out, step)?;
        }
        if 0 < self.left_out {
            row(out, "", &format!("and {} more steps", self.left_out))?;
        }
        row(out, "reply", &self.reply)?;
        let memory: Vec<String> = self
            .memory
            .iter()
            .map(|text| format!("\"{text}\""))
            .collect();
        if !memory.is_empty() {
            row(out, "memory", &memory.join(", "))?;
        }
        write!(out, "{:LABEL$}{}", "from", self.source)
    }
}

fn show(out: &mut impl Write, step: &Step) -> fmt::Result {
    match step {
        Step::Read { words } => row(out, "read", &words.join(" ")),
        Step::Limit { limit } => row(out, "limit", &limit.to_string()),
        Step::Substituted { word, by } => row(out, "replaced", &format!("{word} by {by}")),
        Step::Discarded { words } => row(out, "dropped", &words.join(" ")),
        Step::Keywords { stack } => {
            let shown = |Keyword { word, precedence }: &Keyword| format!("{word} {precedence}");
            let stack: Vec<String> = stack.iter().map(shown).collect();
            let stack = if stack.is_empty() {
                "none".to_owned()
            } else {
                stack.join(", ")
            };
            row(out, "keywords", &stack)
        }
        Step::Matched {
            keyword,
            line,
            pattern,
            parts,
            reply,
        } => {
            let keyword = keyword.as_deref().unwrap_or_default();
            row(out, "rule", format!("{keyword} (line {line})").trim_start())?;
            if !pattern.is_empty() {
                row(out, "pattern", pattern)?;
            }
            for (part, number) in parts.iter().zip(1..) {
                let label = if number == 1 { "parts" } else { "" };
                row(out, label, &format!("{number}: {part}"))?;
            }
            row(out, "template", reply)
        }
        Step::Unmatched { keyword, line } => {
            let words = format!("{keyword} (line {line}): no pattern matches");
            row(out, "rule", &words)
        }
        Step::Referred { to } => row(out, "go to", to),
        Step::Rewritten { words } => row(out, "rewritten", &words.join(" ")),
        Step::NewKey => row(out, "go to", "the next keyword"),
        Step::Remembered { text } => row(out, "remembered", text),
        Step::NotRemembered { pattern } => row(
            out,
            "remembered",
            &format!("nothing: {pattern} does not match"),
        ),
        Step::Learnt { what, value } => row(out, "learnt", &format!("{what}: {value}")),
        Step::Topic { name } => row(out, "topic", name),
    }
}

/// A labelled row, wrapped over as many lines as the text needs, up to [`MAX_CHARACTERS`].
fn row(out: &mut impl Write, label: &str, text: &str) -> fmt::Result {
    let shown = match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => escape(&text[..end]) + "…",
        None => escape(text),
    };
    let (mut label, mut rest) = (label, shown.trim_end());
    loop {
        let (line, after) = split_line(rest);
        writeln!(out, "{}", format!("{label:LABEL$}{line}").trim_end())?;
        if after.is_empty() {
            return Ok(());
        }
        (label, rest) = ("", after);
    }
}

/// The text with control and other invisible characters escaped: it may come from a peer.
fn escape(text: &str) -> String {
    let mut shown = String::new();
    for piece in text.split_inclusive(QUOTES) {
        let (text, quote) = piece.split_at(piece.trim_end_matches(QUOTES).len());
        shown.extend(text.escape_debug());
        shown.push_str(quote);
    }
    shown
}

/// Splits the text at the line width, between words if possible.
fn split_line(text: &str) -> (&str, &str) {
    let Some((end, beyond)) = text.char_indices().nth(WIDTH - LABEL) else {
        return (text, "");
    };
    let blank = match beyond {
        ' ' => Some(end),
        _ => text[..end].rfind(' '),
    };
    let (line, rest) = text.split_at(blank.filter(|&blank| 0 < blank).unwrap_or(end));
    (line, rest.trim_start())
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Rule => "a rule",
            Self::Memory => "the memory",
            Self::Topic => "the topic",
            Self::Fallback => "the fallback: no rule matches",
            Self::NoMatch => "no pattern of the keyword matches",
            Self::Silence => "the reply to an empty line",
            Self::Farewell => "a farewell",
            Self::Exhausted => "giving up: no reply within the limits",
        })
    }
}

const QUOTES: [char; 3] = ['\'', '"', '\\']; // harmless, and harder to read as escapes
const WIDTH: usize = 78; // a usual terminal has 80 columns
const LABEL: usize = 12;
const MAX_CHARACTERS: usize = 300; // of one text; the rest is cut

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn trace(steps: Vec<Step>) -> Trace {
        Trace {
            line: "My dog is ill".to_owned(),
            steps,
            left_out: 0,
            reply: "What ails it?".to_owned(),
            source: Source::Rule,
            memory: Vec::new(),
        }
    }

    /// Compares the rows of one step.
    #[track_caller]
    fn check(step: Step, shown: &str) {
        let whole = trace(vec![step]).to_string();
        let rest = whole
            .strip_prefix("input       My dog is ill\n")
            .expect("it begins so");
        let end = "reply       What ails it?\nfrom        a rule";
        assert_eq!(rest.strip_suffix(end).expect("it ends so"), shown);
    }

    #[test]
    fn each_step_has_a_label() {
        let text = |text: &str| text.to_owned();
        check(
            Step::Read {
                words: words("MY DOG IS ILL"),
            },
            "read        MY DOG IS ILL\n",
        );
        check(Step::Limit { limit: 2 }, "limit       2\n");
        let (word, by) = (text("MY"), text("YOUR"));
        check(Step::Substituted { word, by }, "replaced    MY by YOUR\n");
        check(
            Step::Discarded {
                words: words("WELL ,"),
            },
            "dropped     WELL ,\n",
        );
        let keyword = |word: &str, precedence| Keyword {
            word: word.to_owned(),
            precedence,
        };
        check(
            Step::Keywords {
                stack: vec![keyword("MY", 2), keyword("IS", 0)],
            },
            "keywords    MY 2, IS 0\n",
        );
        check(Step::Keywords { stack: Vec::new() }, "keywords    none\n");
        check(
            Step::Unmatched {
                keyword: text("MY"),
                line: 7,
            },
            "rule        MY (line 7): no pattern matches\n",
        );
        check(Step::Referred { to: text("IS") }, "go to       IS\n");
        check(Step::NewKey, "go to       the next keyword\n");
        check(
            Step::Rewritten {
                words: words("I AM"),
            },
            "rewritten   I AM\n",
        );
        check(
            Step::Remembered {
                text: text("You have a dog."),
            },
            "remembered  You have a dog.\n",
        );
        check(
            Step::NotRemembered {
                pattern: text("(0 YOUR 0)"),
            },
            "remembered  nothing: (0 YOUR 0) does not match\n",
        );
        let (what, value) = (text("name"), text("Ann"));
        check(Step::Learnt { what, value }, "learnt      name: Ann\n");
        check(
            Step::Topic {
                name: text("family"),
            },
            "topic       family\n",
        );
    }

    #[test]
    fn a_match_prints_a_row_per_part() {
        let matched = |keyword: Option<&str>, pattern: &str, parts: &[&str]| Step::Matched {
            keyword: keyword.map(str::to_owned),
            line: 12,
            pattern: pattern.to_owned(),
            parts: parts.iter().map(|&part| part.to_owned()).collect(),
            reply: "What ails it?".to_owned(),
        };
        check(
            matched(Some("MY"), "(0 YOUR 0)", &["", "YOUR", "DOG IS ILL"]),
            "rule        MY (line 12)\n\
             pattern     (0 YOUR 0)\n\
             parts       1:\n            \
                         2: YOUR\n            \
                         3: DOG IS ILL\n\
             template    What ails it?\n",
        );
        check(
            matched(None, "", &[]),
            "rule        (line 12)\ntemplate    What ails it?\n",
        );
    }

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        let read = |text: String| Step::Read {
            words: words(&text),
        };
        let shown = trace(vec![read("a word ".repeat(1000))]).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 3 + 5, "{shown}");
        assert!(lines[2].starts_with("            word a word "), "{shown}");
        assert!(lines[5].ends_with('…'), "{shown}");
        for text in [
            "x".repeat(5000),
            "ä".repeat(5000),
            "🚀 ".repeat(5000),
            "é \u{1b}".repeat(999),
        ] {
            let shown = trace(vec![read(text)]).to_string();
            let longest = shown.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(WIDTH), "{shown}");
            assert!(shown.len() < 4096, "{shown}");
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        let mut trace = trace(vec![Step::NewKey]);
        trace.line = "don't \"\\d+\" \u{1b}[31m\r\n\u{9b}\u{202e} e\u{301}é你\0".to_owned();
        trace.reply.push('\u{7}');
        trace.memory = vec!["\t".to_owned()];
        trace.left_out = 3;
        assert_eq!(
            trace.to_string(),
            "input       don't \"\\d+\" \\u{1b}[31m\\r\\n\\u{9b}\\u{202e} e\u{301}é你\\0\n\
             go to       the next keyword\n            and 3 more steps\n\
             reply       What ails it?\\u{7}\nmemory      \"\\t\"\nfrom        a rule"
        );
    }
}
