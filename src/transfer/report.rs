//! What is told of each file: how far it is, and what became of it.

use std::io::{self, IsTerminal, Write};
use std::iter;
use std::time::Instant;

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use switchboard_client::{Error, Outcome, Progress};
use switchboard_core::Sanitized;

use crate::error::{Failure, transfer_code};
use crate::json;

/// Tells how far a file is, on a terminal, and what became of it: in a line, or as JSON.
pub(crate) struct Reporter {
    json: bool,
    quiet: bool,
    has_bars: bool,
    bar: Option<ProgressBar>,
    began: Option<Instant>, // the file that is under way
    files: usize,
    failed: usize,
    code: Option<u8>, // of the first failure
}

/// What programs are told.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    result: &'static str,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

impl Reporter {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            has_bars: !quiet && !json && io::stderr().is_terminal(),
            bar: None,
            began: None,
            files: 0,
            failed: 0,
            code: None,
        }
    }

    /// Draws no bar: what is got goes to the terminal itself, and a bar would wipe some of it out.
    pub(crate) fn without_bars(self) -> Self {
        Self {
            has_bars: false,
            ..self
        }
    }

    /// Tells what became of a file.
    ///
    /// # Errors
    ///
    /// Nothing else need be tried: no server is there, or nobody to tell it to.
    pub(crate) fn file(
        &mut self,
        name: &[u8],
        result: Result<Outcome, Error>,
    ) -> Result<(), Failure> {
        match result {
            Ok(done) => self.done(name, &done),
            Err(error) => self.failed(name, &error),
        }
    }

    fn done(&mut self, name: &[u8], done: &Outcome) -> Result<(), Failure> {
        let seconds = self.ends(name, Ok(done))?;
        if !self.json && !self.quiet {
            self.say(&summary(name, done, seconds));
        }
        Ok(())
    }

    /// Tells why something was not done.
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file).
    pub(crate) fn failed(&mut self, name: &[u8], error: &Error) -> Result<(), Failure> {
        self.ends(name, Err(error))?;
        if let Error::Output(cause) = error
            && cause.kind() == io::ErrorKind::BrokenPipe
        {
            return Err(Failure::Output(io::ErrorKind::BrokenPipe.into()));
        }
        let words = match error {
            Error::Unreachable { .. } | Error::NoReply(_) | Error::Stopped(_) => error.to_string(),
            error => format!("{}: {error}", Sanitized(name)),
        };
        self.say(&format!("switchboard: {words}"));
        self.failed += 1;
        let code = *self.code.get_or_insert(transfer_code(error));
        match error {
            Error::Unreachable { .. } | Error::NoReply(_) | Error::Output(_) => {
                Err(Failure::Reported(code))
            }
            Error::Stopped(_) => Err(Failure::Reported(transfer_code(error))),
            _ => Ok(()),
        }
    }

    /// Counts it, and tells programs. Says for how many seconds it was under way.
    fn ends(&mut self, name: &[u8], result: Result<&Outcome, &Error>) -> Result<f64, Failure> {
        let began = self.began.take();
        let seconds = began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        self.files += 1;
        self.clear();
        if self.json {
            print(&told(name, result, seconds)).map_err(Failure::unwritten)?;
        }
        Ok(seconds)
    }

    /// What the program ends with: the first failure, if there was one.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let Some(code) = self.code else {
            return Ok(());
        };
        if 1 < self.files {
            self.say(&format!(
                "switchboard: {} of {} failed",
                self.failed, self.files
            ));
        }
        Err(Failure::Reported(code))
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Writes a line on standard error, above the bar if there is one.
    fn say(&self, line: &str) {
        let write = || writeln!(io::stderr(), "{line}").ok(); // where nobody listens, nobody is told
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
    }
}

impl Progress for Reporter {
    fn file_started(&mut self, name: &[u8]) {
        self.clear();
        self.began = Some(Instant::now());
        if !self.has_bars {
            return;
        }
        let bar = ProgressBar::hidden(); // until there is something to show
        bar.set_prefix(brief(Sanitized(name).to_string()));
        self.bar = Some(bar);
    }

    fn transfer_started(&mut self, from: u64, length: Option<u64>) {
        let Some(bar) = &self.bar else {
            return;
        };
        let style = if length.is_some() {
            STYLE
        } else {
            STYLE_WITHOUT_LENGTH
        };
        bar.set_style(ProgressStyle::with_template(style).expect("the styles are valid"));
        if let Some(length) = length {
            bar.set_length(length);
        }
        bar.set_position(from);
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.reset_eta(); // what was there before says nothing about the rate
    }

    fn advanced(&mut self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    fn note(&mut self, words: &str) {
        if !self.quiet {
            self.say(words);
        }
    }
}

/// As much of the end of a name as leaves room for a bar beside it.
fn brief(name: String) -> String {
    let Some(beyond) = name.chars().count().checked_sub(BRIEF_CHARACTERS + 1) else {
        return name;
    };
    let rest = name.chars().skip(beyond + 2);
    iter::once('\u{2026}').chain(rest).collect()
}

/// A line for people.
fn summary(name: &[u8], done: &Outcome, seconds: f64) -> String {
    let name = Sanitized(name);
    let bytes = done.bytes;
    if done.already_there {
        return format!("{name}: there already, the same ({bytes} bytes)");
    }
    let moved = bytes - done.resumed_from.unwrap_or(0).min(bytes);
    let from = match done.resumed_from {
        Some(from) => format!(", {from} of them from before"),
        None => String::new(),
    };
    let rate = if seconds < 0.1 {
        String::new() // nobody can say
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rate, rounded"
        )]
        let rate = (moved as f64 / seconds) as u64;
        format!(" ({}/s)", DecimalBytes(rate))
    };
    format!("{name}: {bytes} bytes{from} in {seconds:.1} s{rate}")
}

/// A line for programs.
fn told(name: &[u8], result: Result<&Outcome, &Error>, seconds: f64) -> String {
    let name = &String::from_utf8_lossy(name);
    let (done, error) = (result.ok(), result.err());
    let told = Told {
        name,
        result: match done {
            None => "failed",
            Some(done) if done.already_there => "there",
            Some(_) => "done",
        },
        seconds,
        bytes: done.map(|done| done.bytes),
        sha256: done
            .and_then(|done| done.sha256)
            .map(|digest| digest.to_string()),
        resumed_from: done.and_then(|done| done.resumed_from),
        error: error.map(ToString::to_string),
        code: error.map(transfer_code),
    };
    json::line(&told)
}

/// Prints a line on standard output, at once.
pub(super) fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

const BRIEF_CHARACTERS: usize = 30;
const STYLE: &str =
    "{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
const STYLE_WITHOUT_LENGTH: &str = "{prefix} {spinner} {decimal_bytes} {decimal_bytes_per_sec}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_styles_are_valid() {
        for style in [STYLE, STYLE_WITHOUT_LENGTH] {
            assert!(ProgressStyle::with_template(style).is_ok());
        }
    }

    #[test]
    fn names_beside_a_bar_are_brief() {
        for (name, shown) in [
            ("", ""),
            (
                "123456789 123456789 1234567890",
                "123456789 123456789 1234567890",
            ),
            (
                "123456789 123456789 12345678901",
                "\u{2026}3456789 123456789 12345678901",
            ),
            (
                "é123456789 123456789 12345678901",
                "\u{2026}3456789 123456789 12345678901",
            ),
        ] {
            let found = brief(name.to_owned());
            assert_eq!(found, shown);
            assert!(found.chars().count() <= BRIEF_CHARACTERS);
        }
    }
}
