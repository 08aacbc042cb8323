//! Which file of a crate imports which.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, test_modules, tokens};

/// A use of another file: the importing file with the line, and the imported file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    pub(super) from: String,
    pub(super) line: usize,
    pub(super) to: String,
}

/// The sources of a crate by path below `src`, as in `hub/room.rs`, without those of its tests.
pub(super) struct Crate<'a> {
    sources: BTreeMap<&'a str, Vec<Token<'a>>>,
    /// The file of each module, by path.
    modules: BTreeMap<Vec<&'a str>, &'a str>,
    /// The paths that a module has names for by `use`, by module and name. Those of a private `use`
    /// are visible in child modules.
    exports: BTreeMap<(Vec<&'a str>, &'a str), Vec<&'a str>>,
}

impl<'a> Crate<'a> {
    pub(super) fn new(files: &'a BTreeMap<String, String>) -> Self {
        let is_test = |path: &str| {
            path.split('/')
                .any(|part| part == "tests" || part == "tests.rs")
        };
        let mut test_paths = BTreeSet::new();
        for (path, source) in files {
            for name in test_modules(source) {
                let module = [module_of(path), vec![name]].concat();
                test_paths.insert(module);
            }
        }
        let is_below_test = |module: &[&str]| {
            (0..=module.len()).any(|length| test_paths.contains(&module[..length]))
        };
        let sources: BTreeMap<&str, Vec<Token<'_>>> = files
            .iter()
            .filter(|(path, _)| !is_test(path) && !is_below_test(&module_of(path)))
            .map(|(path, source)| (&**path, tokens(source)))
            .collect();
        let modules = sources.keys().map(|path| (module_of(path), *path));
        let mut result = Self {
            modules: modules.collect(),
            exports: BTreeMap::new(),
            sources,
        };
        let mut exports = BTreeMap::new();
        for (path, tokens) in &result.sources {
            for found in result.paths(path, tokens) {
                if let Some(name) = found.name {
                    exports.insert((found.module, name), found.path);
                }
            }
        }
        result.exports = exports;
        result
    }

    /// The paths of the files.
    pub(super) fn files(&self) -> impl Iterator<Item = &'a str> {
        self.sources.keys().copied()
    }

    pub(super) fn tokens(&self, file: &str) -> &[Token<'a>] {
        &self.sources[file]
    }

    /// Every import of another file. A re-export (`pub use`) is none: a path through it counts as
    /// an import of the file that it leads to.
    pub(super) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (from, tokens) in &self.sources {
            for found in self.paths(from, tokens) {
                if found.is_export {
                    continue;
                }
                let to = self.file_of(&found.path);
                if to != *from {
                    imports.insert(Import {
                        from: (*from).to_owned(),
                        line: found.line,
                        to: to.to_owned(),
                    });
                }
            }
        }
        imports
    }

    /// The file in which the path ends, re-exports followed.
    fn file_of(&self, path: &[&'a str]) -> &'a str {
        let mut path = path.to_vec();
        for _ in 0..10 {
            let length = self.length_of_module(&path);
            let (module, rest) = path.split_at(length);
            let export = rest
                .first()
                .and_then(|name| self.exports.get(&(module.to_vec(), *name)));
            match export {
                Some(target) if target != &path => path = [target, &rest[1..]].concat(),
                _ => break,
            }
        }
        let module = &path[..self.length_of_module(&path)];
        self.modules[module]
    }

    /// How many segments of the path name a module.
    fn length_of_module(&self, path: &[&str]) -> usize {
        let is_module = |length: &usize| self.modules.contains_key(&path[..*length]);
        let longest = (0..=path.len()).rev().find(is_module);
        longest.expect("the root is a module")
    }

    /// All paths in a file that lead to modules of this crate.
    fn paths(&self, file: &'a str, tokens: &[Token<'a>]) -> Vec<Found<'a>> {
        let mut reader = Reader {
            krate: self,
            module: module_of(file),
            inline: Vec::new(),
            depth: 0,
            found: Vec::new(),
        };
        reader.read(tokens);
        reader.found
    }
}

/// The module of a file: `hub/room.rs` is `hub::room`, `hub/mod.rs` is `hub`, `lib.rs` is the root.
fn module_of(path: &str) -> Vec<&str> {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Vec<&str> = path.split('/').collect();
    if module.len() == 1 && ["lib", "main"].contains(&module[0]) || module.last() == Some(&"mod") {
        module.pop();
    }
    module
}

/// A path in the source, from the root of the crate.
struct Found<'a> {
    /// The module it is in.
    module: Vec<&'a str>,
    path: Vec<&'a str>,
    /// The name that a `use` gives it there.
    name: Option<&'a str>,
    line: usize,
    /// Whether the `use` has a visibility.
    is_export: bool,
}

struct Reader<'c, 'a> {
    krate: &'c Crate<'a>,
    module: Vec<&'a str>,
    /// The blocks `mod NAME { }` around the current token, with the depth of braces outside.
    inline: Vec<(&'a str, usize)>,
    depth: usize,
    found: Vec<Found<'a>>,
}

impl<'a> Reader<'_, 'a> {
    fn read(&mut self, tokens: &[Token<'a>]) {
        let mut at = 0;
        // Where the current item begins, to find its visibility.
        let mut item = 0;
        while at < tokens.len() {
            let text = tokens[at].text;
            let next = tokens.get(at + 1).map_or("", |token| token.text);
            match text {
                "{" => self.depth += 1,
                "}" => {
                    self.depth -= 1;
                    self.inline.pop_if(|(_, depth)| *depth == self.depth);
                }
                "mod" if tokens.get(at + 2).is_some_and(|token| token.text == "{") => {
                    self.inline.push((next, self.depth));
                }
                "use" => {
                    let is_export = tokens[item..at].iter().any(|token| token.text == "pub");
                    at = self.read_use(tokens, at + 1, &[], is_export);
                    item = at;
                    continue;
                }
                "crate" | "self" | "super" if next == "::" => {
                    let before = at.checked_sub(1).map_or("", |at| tokens[at].text);
                    let is_visibility = before == "in"
                        && at.checked_sub(2).is_some_and(|at| tokens[at].text == "(");
                    if before != "::" && before != "$" && !is_visibility {
                        at = self.read_path(tokens, at);
                        continue;
                    }
                }
                _ => (),
            }
            at += 1;
            if [";", "{", "}"].contains(&text) {
                item = at;
            }
        }
    }

    /// Reads a path in an expression or a type; returns the index behind it.
    fn read_path(&mut self, tokens: &[Token<'a>], start: usize) -> usize {
        let mut at = start;
        let mut path = vec![tokens[at].text];
        while tokens.get(at + 1).is_some_and(|token| token.text == "::")
            && tokens.get(at + 2).is_some_and(|token| is_name(token.text))
        {
            at += 2;
            path.push(tokens[at].text);
        }
        self.add(&path, None, tokens[start].line, false);
        at + 1
    }

    /// Reads the tree of a `use` behind `prefix`; returns the index of the token that ends it.
    fn read_use(
        &mut self,
        tokens: &[Token<'a>],
        start: usize,
        prefix: &[&'a str],
        is_export: bool,
    ) -> usize {
        let mut path = prefix.to_vec();
        let mut at = start;
        while let Some(token) = tokens.get(at) {
            match token.text {
                "{" => {
                    at += 1;
                    while tokens.get(at).is_some_and(|token| token.text != "}") {
                        at = self.read_use(tokens, at, &path, is_export);
                        at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
                    }
                    return at + 1;
                }
                "as" => {
                    let name = tokens.get(at + 1).map(|token| token.text);
                    self.add(&path, name, token.line, is_export);
                    return at + 2;
                }
                "," | "}" | ";" => {
                    let line = tokens[start].line;
                    self.add(&path, path.last().copied(), line, is_export);
                    return at;
                }
                "::" => at += 1,
                "self" if !path.is_empty() => at += 1, // `a::{self}`
                name => {
                    path.push(name);
                    at += 1;
                }
            }
        }
        at
    }

    /// Adds a path as it is written, unless it leads out of the crate.
    fn add(&mut self, written: &[&'a str], name: Option<&'a str>, line: usize, is_export: bool) {
        let inline = self.inline.iter().map(|(name, _)| *name);
        let module: Vec<&str> = self.module.iter().copied().chain(inline).collect();
        let mut path = module.clone();
        let rest = match written {
            ["crate", rest @ ..] => {
                path.clear();
                rest
            }
            ["self", rest @ ..] => rest,
            ["super", ..] => {
                let supers = written.iter().take_while(|part| **part == "super").count();
                path.truncate(path.len().saturating_sub(supers));
                &written[supers..]
            }
            // A child module; everything else is a crate or a name that is in scope.
            [first, ..] => {
                let child = [&path[..], &[*first]].concat();
                if !self.krate.modules.contains_key(&child) {
                    return;
                }
                written
            }
            [] => return,
        };
        path.extend(rest);
        self.found.push(Found {
            module,
            path,
            name,
            line,
            is_export,
        });
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Crate;

    /// The imports of `source` in `file`, in a crate with some modules.
    #[track_caller]
    fn check(file: &str, source: &str, expected: &[&str]) {
        let mut files: BTreeMap<String, String> = [
            (
                "lib.rs",
                "mod a; mod b; mod c; pub use b::two::Type; pub use c::*;",
            ),
            ("a.rs", "mod one;"),
            ("a/one.rs", ""),
            (
                "b/mod.rs",
                "mod two; mod three; pub(crate) use two::{Type as Kind, func};",
            ),
            ("b/two.rs", ""),
            ("b/three.rs", ""),
            ("c.rs", ""),
        ]
        .map(|(path, source)| (path.to_owned(), source.to_owned()))
        .into();
        files.entry(file.to_owned()).or_default().push_str(source);
        let imports = Crate::new(&files).imports();
        let found: Vec<&str> = imports
            .iter()
            .filter(|import| import.from == file)
            .map(|import| &*import.to)
            .collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn paths_lead_to_files() {
        check("c.rs", "use crate::a::one::X;", &["a/one.rs"]);
        check(
            "c.rs",
            "use crate::a::{X, one::{self, Y}};",
            &["a.rs", "a/one.rs"],
        );
        check(
            "c.rs",
            "use std::{fs, io}; use crate::{a::X, b::two};",
            &["a.rs", "b/two.rs"],
        );
        check(
            "c.rs",
            "fn f() -> crate::a::X { self::g(); super::b::two::h() }",
            &["a.rs", "b/two.rs"],
        );
        check(
            "b/two.rs",
            "use super::three::X; use super::super::a;",
            &["a.rs", "b/three.rs"],
        );
        check("b/two.rs", "use super::Y;", &["b/mod.rs"]);
        check("a.rs", "use one::X;", &["a/one.rs"]);
        check(
            "c.rs",
            "mod inner { use super::super::a::X; } use self::inner::Y;",
            &["a.rs"],
        );
        check("c.rs", "use crate::a::*;", &["a.rs"]);
    }

    #[test]
    fn re_exports_lead_to_the_file_behind_them() {
        check("c.rs", "use crate::b::{Kind, func};", &["b/two.rs"]);
        check("a/one.rs", "use crate::Type;", &["b/two.rs"]);
        check("b/three.rs", "use super::func;", &["b/two.rs"]);
        check("c.rs", "pub(crate) use crate::a::X;", &[]);
    }

    #[test]
    fn what_is_no_import_is_left_out() {
        check(
            "c.rs",
            "pub(crate) fn f() {} pub(in crate::a) struct S;",
            &[],
        );
        check(
            "c.rs",
            "// use crate::a;\nconst A: &str = \"crate::a\";",
            &[],
        );
        check("c.rs", "macro_rules! m { () => { $crate::a::X } }", &[]);
        check("c.rs", "#[cfg(test)] mod tests { use crate::a::X; }", &[]);
        check("c.rs", "use serde::a; use std::b::two;", &[]);
        check("c/tests.rs", "use crate::a::X;", &[]);
        check("c/tests/more.rs", "use crate::a::X;", &[]);
    }

    #[test]
    fn files_of_test_modules_are_left_out() {
        let files = [
            ("lib.rs", "mod a; #[cfg(test)] mod check;"),
            ("a.rs", ""),
            ("check.rs", "use crate::a::X;"),
            ("check/more.rs", "use crate::a::X;"),
        ];
        let files = files.map(|(path, source)| (path.to_owned(), source.to_owned()));
        assert_eq!(Crate::new(&files.into()).imports().len(), 0);
    }
}
