//! Rust source as tokens: enough to find modules and paths.

/// A token and the line it is on. `::` is one token; comments, whitespace and the content of
/// literals are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// The tokens of a source file without the items that are marked `#[cfg(test)]`.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    without_tests(&Lexer::new(source).collect::<Vec<_>>()).0
}

/// The modules that are declared `#[cfg(test)] mod NAME;`.
pub(super) fn test_modules(source: &str) -> Vec<&str> {
    without_tests(&Lexer::new(source).collect::<Vec<_>>()).1
}

/// The tokens outside of test items, and the names of the test modules that are files.
fn without_tests<'a>(all: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<&'a str>) {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < all.len() {
        let is_test = all[at..].len() >= CFG_TEST.len()
            && CFG_TEST
                .iter()
                .zip(&all[at..])
                .all(|(text, token)| *text == token.text);
        if !is_test {
            kept.push(all[at]);
            at += 1;
            continue;
        }
        let start = at + CFG_TEST.len();
        at = end_of_item(all, start);
        let item: Vec<&str> = all[start..at].iter().map(|token| token.text).collect();
        if let [.., "mod", name, ";"] = item[..] {
            modules.push(name);
        }
    }
    (kept, modules)
}

/// The index behind the item at `start`: its `;`, or its block, at the level where it begins.
fn end_of_item(tokens: &[Token<'_>], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                let is_list = tokens.get(at + 1).is_some_and(|next| next.text == ";");
                if depth == 0 && !is_list {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => (),
        }
    }
    tokens.len()
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            rest: source,
            line: 1,
        }
    }

    /// Takes the first `length` bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Takes everything through the first `end`.
    fn take_through(&mut self, end: &str) {
        let length = self
            .rest
            .find(end)
            .map_or(self.rest.len(), |at| at + end.len());
        self.take(length);
    }

    fn take_block_comment(&mut self) {
        let mut depth = 0;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
            } else {
                let Some(next) = self.rest.chars().next() else {
                    return;
                };
                self.take(next.len_utf8());
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Takes the rest of a string or a character, up to `quote`; a backslash escapes.
    fn take_quoted(&mut self, quote: char) {
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.take(end.map_or(self.rest.len(), |at| at + quote.len_utf8()));
    }

    /// Takes a string literal with its prefix, if there is one here.
    fn take_string(&mut self) -> bool {
        let prefix = self.rest.find(|c| !matches!(c, 'b' | 'c' | 'r'));
        let prefix = prefix.unwrap_or(self.rest.len());
        let (letters, after) = self.rest.split_at(prefix);
        if letters.ends_with('r') {
            let hashes = after.len() - after.trim_start_matches('#').len();
            if after[hashes..].starts_with('"') {
                self.take(prefix + hashes + 1);
                self.take_through(&format!("\"{}", "#".repeat(hashes)));
                return true;
            }
        } else if prefix <= 1 && after.starts_with('"') {
            self.take(prefix + 1);
            self.take_quoted('"');
            return true;
        } else if letters == "b" && after.starts_with('\'') {
            self.take(2);
            self.take_quoted('\'');
            return true;
        }
        false
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = self.rest.chars().next()?;
            let line = self.line;
            let token = |text| Some(Token { text, line });
            if first.is_whitespace() {
                self.take(first.len_utf8());
            } else if self.rest.starts_with("//") {
                self.take_through("\n");
            } else if self.rest.starts_with("/*") {
                self.take_block_comment();
            } else if self.take_string() {
                return token("\"\"");
            } else if first == '\'' {
                let mut ahead = self.rest.chars().skip(1);
                let is_escape = ahead.next() == Some('\\');
                let is_character = is_escape || ahead.next() == Some('\'');
                self.take(1);
                if is_character {
                    let one = self.rest.chars().next().map_or(0, char::len_utf8);
                    self.take(if is_escape { 0 } else { one });
                    self.take_quoted('\'');
                    return token("''");
                } // else a lifetime, whose name is an ordinary token
            } else if first.is_alphanumeric() || first == '_' {
                let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                return token(self.take(end.unwrap_or(self.rest.len())));
            } else if self.rest.starts_with("::") {
                return token(self.take(2));
            } else {
                return token(self.take(first.len_utf8()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{test_modules, tokens};

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let found: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
        assert_eq!(found.join(" "), expected, "{source}");
    }

    #[test]
    fn comments_and_literals_are_skipped() {
        check("a /* b /* c */ d */ e // f\n// g", "a e");
        check(
            r##"a "b \" c" r#"d " e"# b"f" br"\" c"g" h"##,
            r#"a "" "" "" "" "" h"#,
        );
        check(
            r"'a' 'b '\'' '\\' b'\'' '√' <'c>",
            "'' b '' '' \"\" '' < c >",
        );
        check("r#type::crab", "r # type :: crab");
    }

    #[test]
    fn lines_are_counted() {
        let source = "a\n\"b\nc\" d\n/* e\n */ f";
        let lines: Vec<usize> = tokens(source).iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 3, 5]);
    }

    #[test]
    fn test_items_are_left_out() {
        check("a #[cfg(test)] mod tests { use b; mod c {} } d", "a d");
        check("#[cfg(test)] use a::{b, c}; d", "d");
        check("#[cfg(test)] #[path = \"x\"] mod tests; a", "a");
        check("#[cfg(test)] fn a(b: [u8; 2]) -> C { d } e", "e");
        assert_eq!(test_modules("#[cfg(test)] mod a; mod b;"), ["a"]);
    }
}
