//! Rules for the source that no compiler checks: layers, import cycles, where sockets, clocks,
//! threads and `unsafe` may be.

mod cycles;
mod imports;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use cycles::{Graph, cycles};
use imports::{Crate, Import};
use tokens::tokens;

/// The crates from the bottom up. Those of one layer do not know each other.
const CRATES: [&[&str]; 4] = [
    &["core", "eliza"],
    &["files"],
    &["services", "client"],
    &["switchboard"],
];

/// The folders and root modules of `crates/core/src` from the top down.
const CORE: [&str; 16] = [
    "lib",
    "testing",
    "server",
    "udp",
    "stream",
    "exec",
    "hub_link",
    "session",
    "hub",
    "net",
    "limits",
    "reactor",
    "sys",
    "peer",
    "sanitize",
    "byte_queue",
];

#[test]
fn imports_form_no_cycle() {
    let mut violations = Vec::new();
    for (name, krate) in crates() {
        let imports = krate.imports();
        violations.extend(import_cycles(&imports).map(|cycle| format!("{name}: {cycle}")));
    }
    check(&violations);
}

#[test]
fn folders_of_core_import_only_folders_below() {
    let krate = &crates()["core"];
    let mut violations = Vec::new();
    let entries: BTreeSet<&str> = krate.files().map(entry_of).collect();
    violations.extend(
        entries
            .iter()
            .filter(|entry| !CORE.contains(entry))
            .map(|entry| format!("core/src/{entry} is not in the list of layers")),
    );
    violations.extend(upward_imports(&CORE, &krate.imports()));
    check(&violations);
}

#[test]
fn crates_depend_only_on_crates_below() {
    let mut violations = Vec::new();
    for (height, layer) in CRATES.iter().enumerate() {
        for name in *layer {
            let manifest = match *name {
                "switchboard" => "Cargo.toml".to_owned(),
                name => format!("crates/{name}/Cargo.toml"),
            };
            let manifest = fs::read_to_string(root().join(manifest)).expect("it is text");
            for dependency in dependencies(&manifest) {
                let below = CRATES[..height].concat();
                if !below.contains(&dependency) {
                    violations.push(format!("{name} must not depend on {dependency}"));
                }
            }
        }
    }
    let listed: BTreeSet<&str> = CRATES.concat().into_iter().collect();
    violations.extend(
        crates()
            .keys()
            .filter(|name| !listed.contains(&***name))
            .map(|name| format!("{name} is not in the list of layers")),
    );
    check(&violations);
}

#[test]
fn services_and_engines_have_no_socket_and_no_thread() {
    let mut violations = Vec::new();
    for name in ["services", "eliza"] {
        for words in ["std::net", "socket2", "std::thread"] {
            violations.extend(uses(name, words, &[]));
        }
    }
    violations.extend(uses("eliza", "std::fs", &[]));
    check(&violations);
}

#[test]
fn sessions_and_engines_read_no_clock() {
    let mut violations = Vec::new();
    for clock in ["Instant::now", "SystemTime", "UNIX_EPOCH"] {
        violations.extend(uses("eliza", clock, &[]));
        // `lib.rs` passes the clock to the services that need one.
        violations.extend(uses("services", clock, &["lib", "daytime", "files"]));
        let of_core = uses("core", clock, &[]).into_iter();
        violations.extend(of_core.filter(|place| place.starts_with("core/src/session/")));
    }
    check(&violations);
}

#[test]
fn unsafe_code_is_in_sys() {
    let mut violations = Vec::new();
    for name in crates().keys() {
        let allowed: &[&str] = if name == "core" { &["sys"] } else { &[] };
        violations.extend(uses(name, "unsafe", allowed));
    }
    check(&violations);
}

#[test]
fn threads_are_in_the_models_that_have_them_and_in_the_name_look_up() {
    let mut violations = Vec::new();
    for name in crates().keys() {
        let allowed = if name == "client" {
            "connect" // a name look-up blocks
        } else {
            "server"
        };
        for words in ["thread::spawn", "thread::Builder", "thread::scope"] {
            violations.extend(uses(name, words, &[allowed]));
        }
        violations.extend(uses(name, "thread::sleep", &[]));
    }
    check(&violations);
}

#[track_caller]
fn check(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{} violations:\n{}",
        violations.len(),
        violations.join("\n")
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every crate, by the name of its folder; the program and its library are `switchboard`.
fn crates() -> &'static BTreeMap<String, Crate<'static>> {
    static SOURCES: LazyLock<BTreeMap<String, BTreeMap<String, String>>> = LazyLock::new(|| {
        let folders = fs::read_dir(root().join("crates")).expect("there are crates");
        let names = folders.map(|folder| folder.expect("it can be read").file_name());
        let names = names.map(|name| name.into_string().expect("names are text"));
        let mut all: BTreeMap<_, _> = names
            .map(|name| {
                let src = root().join("crates").join(&name).join("src");
                (name, sources(&src))
            })
            .collect();
        all.insert("switchboard".to_owned(), sources(&root().join("src")));
        all
    });
    static CRATES: LazyLock<BTreeMap<String, Crate<'static>>> = LazyLock::new(|| {
        let crates = SOURCES.iter();
        crates
            .map(|(name, files)| (name.clone(), Crate::new(files)))
            .collect()
    });
    &CRATES
}

/// The Rust sources in a folder, by path below it.
fn sources(src: &Path) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it is a folder") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are text");
                let path = path.strip_prefix(src).expect("it is below");
                sources.insert(path.to_str().expect("names are text").to_owned(), text);
            }
        }
    }
    assert!(!sources.is_empty(), "{} has sources", src.display());
    sources
}

/// The crates of this project that a manifest depends on.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        }
        let is_list = ["dependencies", "dev-dependencies"].contains(&section);
        if let Some(rest) = line.strip_prefix("switchboard-").filter(|_| is_list) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            found.push(&rest[..end.unwrap_or(rest.len())]);
        }
    }
    found
}

/// The folder or module at the root of a crate that a file belongs to: `hub` for `hub/room.rs` and
/// for `hub.rs`.
fn entry_of(path: &str) -> &str {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.split('/').next().unwrap_or(path)
}

/// Where the code of a crate, tests left out, has `words` as tokens. Files below `allowed` may.
fn uses(name: &str, words: &str, allowed: &[&str]) -> Vec<String> {
    let krate = &crates()[name];
    let words: Vec<&str> = tokens(words).iter().map(|token| token.text).collect();
    let folder = match name {
        "switchboard" => "src".to_owned(),
        name => format!("{name}/src"),
    };
    let mut found = Vec::new();
    for path in krate
        .files()
        .filter(|path| !allowed.contains(&entry_of(path)))
    {
        let tokens = krate.tokens(path);
        for window in tokens.windows(words.len()) {
            if window
                .iter()
                .zip(&words)
                .all(|(token, word)| token.text == *word)
            {
                let line = window[0].line;
                found.push(format!("{folder}/{path}:{line}: {}", words.concat()));
            }
        }
    }
    found
}

/// The imports that lead up in `layers`, which are entries from the top down.
fn upward_imports(layers: &[&str], imports: &BTreeSet<Import>) -> Vec<String> {
    let height = |path: &str| layers.iter().position(|layer| *layer == entry_of(path));
    let up = imports.iter().filter(|import| {
        let (from, to) = (height(&import.from), height(&import.to));
        from.zip(to).is_some_and(|(from, to)| to < from)
    });
    up.map(|import| {
        format!(
            "{}:{} imports {}, which is above",
            import.from, import.line, import.to
        )
    })
    .collect()
}

/// Each cycle of files, and each cycle of folders next to each other, with an import for each step.
fn import_cycles(imports: &BTreeSet<Import>) -> impl Iterator<Item = String> {
    let mut of_files = Graph::new();
    let mut of_folders: BTreeMap<&str, Graph> = BTreeMap::new();
    let mut examples = BTreeMap::new();
    for import in imports {
        let edge = (import.from.clone(), import.to.clone());
        examples.entry(edge).or_insert(import);
        let targets = of_files.entry(import.from.clone()).or_default();
        targets.insert(import.to.clone());
        if let Some((common, from, to)) = siblings(&import.from, &import.to) {
            examples
                .entry((from.to_owned(), to.to_owned()))
                .or_insert(import);
            let graph = of_folders.entry(common).or_default();
            let targets = graph.entry(from.to_owned()).or_default();
            targets.insert(to.to_owned());
        }
    }
    let mut found = Vec::new();
    for graph in of_folders.values().chain([&of_files]) {
        for cycle in cycles(graph) {
            let next = cycle.iter().cycle().skip(1);
            let steps = cycle.iter().zip(next).map(|(from, to)| {
                let import = examples[&(from.clone(), to.clone())];
                format!(
                    "\n    {}:{} imports {}",
                    import.from, import.line, import.to
                )
            });
            found.push(format!(
                "cycle of {}{}",
                cycle.join(", "),
                steps.collect::<String>()
            ));
        }
    }
    found.into_iter()
}

/// The folder that both files are below, and the two folders in it that they are in. A file next to
/// `lib.rs` counts as a folder, together with the folder of the same name; in any other folder, the
/// files belong together.
fn siblings<'a>(from: &'a str, to: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut slashes = from.match_indices('/').map(|(at, _)| at + 1);
    let common = slashes
        .rfind(|end| to.get(..*end) == from.get(..*end))
        .unwrap_or(0);
    let below = |path: &'a str| match path[common..].find('/') {
        Some(end) => Some(&path[..common + end]),
        None => (common == 0).then(|| entry_of(path)),
    };
    let (from_folder, to_folder) = (below(from)?, below(to)?);
    (from_folder != to_folder).then_some((&from[..common], from_folder, to_folder))
}

mod checker {
    use std::collections::BTreeMap;

    use super::{Crate, dependencies, import_cycles, siblings, upward_imports};

    fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |&(path, source): &(&str, &str)| (path.to_owned(), source.to_owned());
        files.iter().map(owned).collect()
    }

    #[track_caller]
    fn check_cycles(tree: &[(&str, &str)], expected: &[&str]) {
        let files = files(tree);
        let found: Vec<String> = import_cycles(&Crate::new(&files).imports()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_cycle_of_files_is_found() {
        check_cycles(
            &[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", "mod one; mod two; mod three;"),
                ("a/one.rs", "use super::two::Y;"),
                ("a/two.rs", "\nuse crate::a::{three::X};"),
                ("a/three.rs", "fn f() { super::one::g() }"),
            ],
            &["cycle of a/one.rs, a/two.rs, a/three.rs\n    \
               a/one.rs:1 imports a/two.rs\n    \
               a/two.rs:2 imports a/three.rs\n    \
               a/three.rs:1 imports a/one.rs"],
        );
    }

    #[test]
    fn a_cycle_of_folders_is_found() {
        check_cycles(
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a/mod.rs", "mod one; mod two; pub(crate) use two::X;"),
                ("a/one.rs", "use crate::b::one::X;"),
                ("a/two.rs", ""),
                ("b/mod.rs", "mod one; mod two;"),
                ("b/one.rs", ""),
                ("b/two.rs", "use crate::a::X;"),
            ],
            &["cycle of a, b\n    a/one.rs:1 imports b/one.rs\n    b/two.rs:1 imports a/two.rs"],
        );
    }

    #[test]
    fn a_tree_in_order_has_no_cycle() {
        check_cycles(
            &[
                ("lib.rs", "mod a; mod b; mod c; pub use a::one::X;"),
                ("a.rs", "mod one; mod two; pub use one::X;"),
                ("a/one.rs", "use super::two::Y; use crate::b::Z;"),
                ("a/two.rs", "use crate::c;"),
                (
                    "b.rs",
                    "use crate::c::W; #[cfg(test)] mod tests { use crate::X; }",
                ),
                ("c.rs", "#[cfg(test)] mod tests;"),
                ("c/tests.rs", "use crate::a::X;"),
            ],
            &[],
        );
    }

    #[test]
    fn an_upward_import_is_found() {
        let files = files(&[
            ("lib.rs", "mod a; mod b; mod peer; pub use b::B;"),
            ("a/mod.rs", "use crate::B;"),
            ("b/mod.rs", "use crate::peer::Peer;"),
            ("peer.rs", "\n\nuse crate::a::A;"),
        ]);
        let layers = ["lib", "a", "b", "peer"];
        let found = upward_imports(&layers, &Crate::new(&files).imports());
        assert_eq!(found, ["peer.rs:3 imports a/mod.rs, which is above"]);
    }

    #[test]
    fn files_are_compared_in_the_folder_they_share() {
        assert_eq!(siblings("a/b.rs", "c/d.rs"), Some(("", "a", "c")));
        assert_eq!(siblings("a.rs", "c/d.rs"), Some(("", "a", "c")));
        assert_eq!(siblings("a.rs", "a/d.rs"), None);
        assert_eq!(siblings("a/b/c.rs", "a/d/e.rs"), Some(("a/", "a/b", "a/d")));
        assert_eq!(siblings("a/b.rs", "a/d/e.rs"), None);
        assert_eq!(siblings("a/b.rs", "a/c.rs"), None);
        assert_eq!(siblings("ab/c.rs", "ac/d.rs"), Some(("", "ab", "ac")));
    }

    #[test]
    fn dependencies_are_found() {
        let manifest = "[dependencies]\nswitchboard-core.workspace = true\nserde = \"1\"\n\
            [dev-dependencies]\nswitchboard-files = { path = \"x\" }\n[lints]\nswitchboard-x = 1";
        assert_eq!(dependencies(manifest), ["core", "files"]);
    }
}
