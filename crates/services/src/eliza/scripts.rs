//! The scripts of a service, and how they are loaded.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchboard_core::Sanitized;
use switchboard_eliza::{Problem, Script, ScriptError};
use switchboard_files::Source;

/// Scripts by name, at least one. A conversation begins with the first.
pub(super) struct Scripts(Vec<Entry>);

struct Entry {
    name: String,
    file: String, // its file name, which is accepted as a name too
    script: Script,
}

/// A script cannot be loaded. `Display` prints a line for each problem, with its position.
#[derive(Debug)]
pub struct LoadScriptError {
    name: String,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Io(io::Error),
    Invalid(ScriptError),
}

/// Loads the built-in script of this name, or else the file of this name.
///
/// # Errors
///
/// There is neither, the file cannot be read, or it is not a valid script.
pub fn find_script(name: &Path) -> Result<Script, LoadScriptError> {
    let shown = name.display().to_string();
    let script = match name.to_str().and_then(Script::named) {
        Some(script) => script.map_err(Cause::Invalid),
        None => Source::read_file_or_pipe(name, MAX_READ_BYTES, PIPE_TIMEOUT)
            .map_err(Cause::Io)
            .and_then(|text| load(&text)),
    };
    script.map_err(|cause| LoadScriptError { name: shown, cause })
}

/// Loads a script from `source`; errors begin with `name`.
///
/// # Errors
///
/// The source cannot be read, or is not a valid script.
pub fn read_script(name: &str, source: impl Read) -> Result<Script, LoadScriptError> {
    let name = name.to_owned();
    read(source).map_err(|cause| LoadScriptError { name, cause })
}

fn read(source: impl Read) -> Result<Script, Cause> {
    let mut text = Vec::new();
    let mut source = source.take(MAX_READ_BYTES);
    source.read_to_end(&mut text).map_err(Cause::Io)?;
    load(&text)
}

fn load(text: &[u8]) -> Result<Script, Cause> {
    Script::load(text).map_err(Cause::Invalid)
}

impl Scripts {
    /// One script, called "friend".
    pub(super) fn one(script: Script) -> Self {
        let mut scripts = Self(Vec::new());
        scripts.add(Path::new("friend"), script);
        scripts
    }

    /// Loads the scripts of these names or files, and with `all` the built-in ones too.
    ///
    /// # Errors
    ///
    /// A line for each problem of each script.
    pub(super) fn find(names: &[PathBuf], all: bool) -> Result<Self, String> {
        if let ([_, _, ..], false) = (names, all) {
            let error =
                "more than one --script needs --commands, with which the script can be changed";
            return Err(error.to_owned());
        }
        let mut scripts = Self(Vec::new());
        let mut problems = Vec::new();
        for (index, path) in names.iter().enumerate() {
            if names[..index].contains(path) {
                continue;
            }
            match find_script(path) {
                Ok(script) => scripts.add(path, script),
                Err(error) => problems.push(error.to_string()),
            }
        }
        if !problems.is_empty() {
            return Err(problems.join("\n"));
        }
        // Loaded now, since each forked process would load them again.
        let needed = match (all, names) {
            (true, _) => Script::NAMES.len(),
            (false, []) => 1,
            (false, _) => 0,
        };
        for name in &Script::NAMES[..needed] {
            let script = Script::named(name).expect("one of the built-in names");
            let script = script.map_err(|error| error.to_string())?;
            if !names.iter().any(|given| given.as_os_str() == *name) {
                scripts.add(Path::new(name), script);
            }
        }
        Ok(scripts)
    }

    fn add(&mut self, path: &Path, script: Script) {
        let text = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let file = text(path.file_name()).unwrap_or_default();
        let stem = text(path.file_stem()).unwrap_or_default();
        // The first of several scripts with the same stem gets the stem as its name.
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let name = [stem.clone(), file.clone()].into_iter().chain(numbered);
        let mut free = name.filter(|name| self.position(name).is_none());
        let name = free.next().expect("there are more numbers than scripts");
        self.0.push(Entry { name, file, script });
    }

    /// The index of a loaded script, by its name or file name in any case.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        let matches = |own: &str| own.eq_ignore_ascii_case(name);
        self.0
            .iter()
            .position(|entry| matches(&entry.name) || matches(&entry.file))
    }

    pub(super) fn script(&self, index: usize) -> &Script {
        &self.0[index].script
    }

    /// The name of a script, sanitized.
    pub(super) fn name(&self, index: usize) -> String {
        Sanitized(self.0[index].name.as_bytes()).to_string()
    }

    /// The names of all scripts, sanitized.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|entry| entry.name.as_str()).collect();
        Sanitized(names.join(", ").as_bytes()).to_string()
    }
}

impl LoadScriptError {
    /// The problems of the script; empty if it cannot be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match &self.cause {
            Cause::Io(_) => &[],
            Cause::Invalid(error) => error.problems(),
        }
    }
}

impl fmt::Display for LoadScriptError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.cause {
            Cause::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                let built_in = Script::NAMES.join(", ");
                write!(out, "{name}: {error}; the built-in scripts are: {built_in}")
            }
            Cause::Io(error) => write!(out, "{name}: {error}"),
            Cause::Invalid(error) => {
                let lines = error
                    .problems()
                    .iter()
                    .map(|problem| format!("{name}:{problem}"));
                out.write_str(&lines.collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

impl std::error::Error for LoadScriptError {}

// One byte beyond the limit is enough to refuse a script.
const MAX_READ_BYTES: u64 = Script::MAX_BYTES as u64 + 1;
const PIPE_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_found_by_its_stem_and_its_file_name() {
        let mut scripts = Scripts(Vec::new());
        for path in [
            "a/friend.toml",
            "b/Doctor.script",
            "c/friend.script",
            "c/doctor.script",
        ] {
            scripts.add(Path::new(path), Script::friend().expect("it compiles"));
        }
        let expected = "friend, Doctor, friend.script, doctor-2";
        assert_eq!(scripts.names(), expected);
        scripts.add(
            Path::new("\x1b[2J.toml"),
            Script::friend().expect("it compiles"),
        );
        assert_eq!(scripts.name(4), "\\x1b[2J");
        assert_eq!(scripts.position("doctor-2"), Some(3));
        assert_eq!(scripts.position("doctor"), Some(1));
        assert_eq!(scripts.position("DOCTOR.SCRIPT"), Some(1));
        assert_eq!(scripts.position("friend.toml"), Some(0));
        assert_eq!(scripts.position("friend.script"), Some(2));
        for name in ["", "a/friend.toml", "b/Doctor.script", "/etc/passwd", "."] {
            assert_eq!(scripts.position(name), None, "{name}");
        }
    }

    #[test]
    fn the_built_in_scripts_follow_the_given_ones() {
        let find = |given: &[&str], all| {
            let given: Vec<PathBuf> = given.iter().map(PathBuf::from).collect();
            let scripts = Scripts::find(&given, all).expect("all exist");
            scripts.names()
        };
        let built_in = Script::NAMES.join(", ");
        assert_eq!(find(&[], false), "friend");
        assert_eq!(find(&[], true), built_in);
        assert_eq!(find(&["friend"], true), built_in);
        assert_eq!(find(&["friend", "friend"], true), built_in);
        let two = Scripts::find(&["friend".into(), "ami".into()], false);
        let error = two.err().expect("the second cannot be used");
        assert!(error.contains("--commands"), "{error}");
    }

    #[test]
    fn every_problem_is_reported() {
        let error = Scripts::find(&["no/such".into(), "/dev/zero".into(), "/".into()], true);
        let error = error.err().expect("none is a script");
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 3, "{error}");
        assert!(lines[0].starts_with("no/such: No such file"), "{error}");
        assert!(lines[0].ends_with(&Script::NAMES.join(", ")), "{error}");
        assert_eq!(lines[1], "/dev/zero: not a regular file");
        assert!(lines[2].starts_with("/: Is a directory"), "{error}");
    }
}
