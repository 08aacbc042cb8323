//! Reads the sources, and holds them to what a machine can see.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust source below `folder` of the project, or the one that it names, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if path.is_file() {
        let text = fs::read_to_string(&path).expect("a source is text");
        return vec![(path, text)];
    }
    let mut folders = vec![path];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("the folder is there")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a source is text");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// No source below `folder` has any of these words, but in the files named.
#[track_caller]
fn check_absent(folder: &str, words: &[&str], except: &[&str]) {
    for (path, text) in sources(folder) {
        if except.iter().any(|except| path.ends_with(except)) {
            continue;
        }
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let word = words.iter().find(|word| line.contains(**word));
            assert!(word.is_none(), "{}:{}: {line}", path.display(), number + 1);
        }
    }
}

#[test]
fn imports_go_down_only() {
    // From the ground up; on one floor, none knows another.
    let floors: [&[&str]; 4] = [
        &["core", "eliza"],
        &["files"],
        &["services", "client"],
        &[""],
    ];
    for (height, floor) in floors.iter().enumerate() {
        for name in floor.iter().filter(|name| !name.is_empty()) {
            let others = floors[height..].iter().copied().flatten();
            let others = others.filter(|other| other != &name);
            let words: Vec<String> = others
                .map(|other| match *other {
                    "" => "switchboard::".to_owned(),
                    other => format!("switchboard_{other}"),
                })
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            check_absent(&format!("crates/{name}"), &words, &[]);
        }
    }
    for (name, manifest) in [("core", "eliza"), ("eliza", "core")].map(|(name, other)| {
        let manifest =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("crates/{name}/Cargo.toml"));
        (other, fs::read_to_string(manifest).expect("it is there"))
    }) {
        assert!(!manifest.contains(&format!("switchboard-{name}")));
    }
}

#[test]
fn sessions_open_no_socket_and_read_no_clock() {
    let words = ["std::net", "socket2", "Instant", "SystemTime", "thread::"];
    let clock = ["SystemTime", "UNIX_EPOCH"];
    check_absent(
        "crates/services/src",
        &["std::net", "socket2", "thread::"],
        &[],
    );
    // One service tells the time and one waits for answers, by clocks that they are given where the
    // services are listed.
    check_absent("crates/services/src", &["Instant"], &["lib.rs"]);
    check_absent("crates/services/src", &clock, &["daytime.rs", "lib.rs"]);
    check_absent("crates/services/src", &["::now"], &["lib.rs"]);
    check_absent("crates/eliza/src", &words, &[]);
    check_absent("crates/eliza/src", &["std::fs", "std::io", "println!"], &[]);
    // A conversation is data, up to where it meets its stream.
    for file in [
        "service",
        "framing",
        "outbox",
        "connection",
        "connection/by_datagrams",
        "departures",
        "dropped",
        "ledger",
        "proof",
        "rehearsal",
        "ended",
    ] {
        let file = format!("crates/core/src/{file}.rs");
        check_absent(&file, &["Instant", "socket2", "std::fs"], &[]);
    }
}

#[test]
fn unsafe_code_and_threads_have_their_place() {
    for folder in ["src", "crates", "examples"] {
        check_absent(folder, &["unsafe_code"], &["sys.rs"]);
        check_absent(folder, &["thread::sleep"], &[]);
        check_absent(
            folder,
            &["thread::spawn", "thread::Builder"],
            &["threads.rs", "events.rs"],
        );
    }
}

#[test]
fn files_stay_small() {
    for folder in ["src", "crates", "examples", "bench"] {
        for (path, text) in sources(folder) {
            let is_test = |part: std::path::Component<'_>| part.as_os_str() == "tests";
            if path.ends_with("tests.rs") || path.components().any(is_test) {
                continue;
            }
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            assert!(code.lines().count() <= 300, "{} is a heap", path.display());
        }
    }
}
