//! The scripts by which the friend may speak, and how they are read.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use switchboard_core::Sanitized;
use switchboard_eliza::{Problem, Script, ScriptError};

/// Scripts and what they are called. There is one at least, and the first is spoken unless another is
/// asked for.
pub(super) struct Scripts(Vec<Entry>);

struct Entry {
    name: String,
    file: Option<String>, // its name in the folder, by which it may be called as well
    script: Script,
}

/// Why there is no script of this name or in this file.
#[derive(Debug)]
pub struct NoScript {
    name: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Unreadable(io::Error),
    Unusable(ScriptError),
}

/// The built-in script of this name, else the one in this file.
///
/// # Errors
///
/// There is neither, or the file cannot be read, or it is no script.
pub fn find_script(name: &Path) -> Result<Script, NoScript> {
    let shown = name.display().to_string();
    if let Some(script) = name.to_str().and_then(Script::named) {
        return script.map_err(|error| NoScript {
            name: shown,
            why: Why::Unusable(error),
        });
    }
    match File::open(name) {
        Ok(file) => read_script(&shown, file),
        Err(error) => Err(NoScript {
            name: shown,
            why: Why::Unreadable(error),
        }),
    }
}

/// The script that is read here; `name` is what errors call it.
///
/// # Errors
///
/// It cannot be read, or is no script.
pub fn read_script(name: &str, source: impl Read) -> Result<Script, NoScript> {
    // A source need not have an end; one byte too many is enough to refuse it.
    let most = Script::MAX_BYTES as u64 + 1;
    let mut text = Vec::new();
    let read = source.take(most).read_to_end(&mut text);
    let script = read
        .map_err(Why::Unreadable)
        .and_then(|_| Script::load(&text).map_err(Why::Unusable));
    script.map_err(|why| NoScript {
        name: name.to_owned(),
        why,
    })
}

impl Scripts {
    /// One script and no other.
    pub(super) fn one(script: Script) -> Self {
        Self(vec![Entry {
            name: "friend".to_owned(),
            file: None,
            script,
        }])
    }

    /// Those that are asked for, and with `all` the built-in ones besides.
    ///
    /// # Errors
    ///
    /// All that is wrong with any of them, a line for each.
    pub(super) fn find(names: &[PathBuf], all: bool) -> Result<Self, String> {
        if let ([_, _, ..], false) = (names, all) {
            return Err(
                "of more than one --script only the first is spoken, unless peers have --commands"
                    .to_owned(),
            );
        }
        let mut scripts = Self(Vec::new());
        let mut wrong = Vec::new();
        for (place, path) in names.iter().enumerate() {
            if names[..place].contains(path) {
                continue;
            }
            match find_script(path) {
                Ok(script) => scripts.add(path, script),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        // Compiled now: a process for each peer would do it again for every one.
        let most = if all { Script::NAMES.len() } else { 1 };
        let needed = if names.is_empty() || all { most } else { 0 };
        for name in &Script::NAMES[..needed] {
            let script = Script::named(name).expect("it is one of the names");
            let script = script.map_err(|error| error.to_string())?;
            if !names.iter().any(|asked| asked.as_os_str() == *name) {
                scripts.add(Path::new(name), script);
            }
        }
        Ok(scripts)
    }

    fn add(&mut self, path: &Path, script: Script) {
        let text = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let file = text(path.file_name()).unwrap_or_default();
        let stem = text(path.file_stem()).unwrap_or_default();
        // Of those that would be called the same, the first has the short name.
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let name = [stem.clone(), file.clone()].into_iter().chain(numbered);
        let mut free = name.filter(|name| self.called(name).is_none());
        let name = free.next().expect("there are more numbers than scripts");
        self.0.push(Entry {
            name,
            file: Some(file),
            script,
        });
    }

    /// The place of the one that is called so, in whatever case. No file is looked for.
    pub(super) fn called(&self, name: &str) -> Option<usize> {
        let is_it = |own: &str| own.eq_ignore_ascii_case(name);
        self.0
            .iter()
            .position(|entry| is_it(&entry.name) || entry.file.as_deref().is_some_and(is_it))
    }

    pub(super) fn script(&self, place: usize) -> &Script {
        &self.0[place].script
    }

    /// What it is called, for people to read.
    pub(super) fn name(&self, place: usize) -> String {
        Sanitized(self.0[place].name.as_bytes()).to_string()
    }

    /// What all of them are called, for people to read.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|entry| entry.name.as_str()).collect();
        Sanitized(names.join(", ").as_bytes()).to_string()
    }
}

impl NoScript {
    /// The problems of the script; empty if it cannot be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match &self.why {
            Why::Unreadable(_) => &[],
            Why::Unusable(error) => error.problems(),
        }
    }
}

impl fmt::Display for NoScript {
    /// A line for each thing that is wrong, with its place.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.why {
            Why::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
                let built_in = Script::NAMES.join(", ");
                write!(out, "{name}: {error}; the built-in scripts are: {built_in}")
            }
            Why::Unreadable(error) => write!(out, "{name}: {error}"),
            Why::Unusable(error) => {
                for (index, problem) in error.problems().iter().enumerate() {
                    let end = if index == 0 { "" } else { "\n" };
                    write!(out, "{end}{name}:{problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for NoScript {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scripts: &Scripts) -> String {
        scripts.names()
    }

    #[test]
    fn a_script_goes_by_its_stem_and_by_its_file() {
        let mut scripts = Scripts(Vec::new());
        for path in [
            "a/friend.toml",
            "b/Doctor.script",
            "c/friend.script",
            "c/doctor.script",
        ] {
            scripts.add(Path::new(path), Script::friend().expect("it compiles"));
        }
        let called = "friend, Doctor, friend.script, doctor-2";
        assert_eq!(names(&scripts), called);
        scripts.add(
            Path::new("\x1b[2J.toml"),
            Script::friend().expect("it compiles"),
        );
        assert_eq!(scripts.name(4), "\\x1b[2J");
        assert_eq!(scripts.called("doctor-2"), Some(3));
        assert_eq!(scripts.called("doctor"), Some(1));
        assert_eq!(scripts.called("DOCTOR.SCRIPT"), Some(1));
        assert_eq!(scripts.called("friend.toml"), Some(0));
        assert_eq!(scripts.called("friend.script"), Some(2));
        for name in ["", "a/friend.toml", "b/Doctor.script", "/etc/passwd", "."] {
            assert_eq!(scripts.called(name), None, "{name}");
        }
    }

    #[test]
    fn the_built_in_ones_come_after_those_that_are_named() {
        let find = |given: &[&str], all| {
            let given: Vec<PathBuf> = given.iter().map(PathBuf::from).collect();
            names(&Scripts::find(&given, all).expect("they are there"))
        };
        let built_in = Script::NAMES.join(", ");
        assert_eq!(find(&[], false), "friend");
        assert_eq!(find(&[], true), built_in);
        assert_eq!(find(&["friend"], true), built_in);
        assert_eq!(find(&["friend", "friend"], true), built_in);
        let two = Scripts::find(&["friend".into(), "ami".into()], false);
        let error = two.err().expect("nobody could choose the second");
        assert!(error.contains("--commands"), "{error}");
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let error = Scripts::find(&["no/such".into(), "/dev/zero".into(), "/".into()], true);
        let error = error.err().expect("none of them is a script");
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 3, "{error}");
        assert!(lines[0].starts_with("no/such: No such file"), "{error}");
        assert!(lines[0].ends_with(&Script::NAMES.join(", ")), "{error}");
        assert_eq!(lines[1], "/dev/zero:1:1: a script is at most 1024 KiB");
        assert!(lines[2].starts_with("/: Is a directory"), "{error}");
    }
}
