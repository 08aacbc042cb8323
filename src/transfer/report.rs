//! Reports of transfers: progress bars, summaries, errors and JSON.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use switchboard_client::{Error, Outcome, Progress};
use switchboard_core::Sanitized;
use switchboard_files::counted;

use crate::error::{Failure, transfer_code};
use crate::json::{self, JsonName};

/// Reports each file: a progress bar on a terminal, a line on standard error when it ends, and with
/// `--json` an object on standard output.
pub(crate) struct Reporter {
    json: bool,
    quiet: bool,
    pub(super) has_bars: bool,
    bar: Option<ProgressBar>,
    started: Option<Instant>, // the current file
    files: usize,
    failed: usize,
    code: Option<u8>, // of the first failure
}

#[derive(Serialize)]
struct JsonFile<'a> {
    #[serde(flatten)]
    name: JsonName<'a>,
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
            started: None,
            files: 0,
            failed: 0,
            code: None,
        }
    }

    /// Reports the result of a file.
    ///
    /// # Errors
    ///
    /// The other files cannot succeed either: the server cannot be reached, standard output cannot
    /// be written, or a signal has arrived.
    pub(crate) fn file(
        &mut self,
        name: &[u8],
        result: Result<Outcome, Error>,
    ) -> Result<(), Failure> {
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => return self.failed(name, &error),
        };
        let seconds = self.file_ended(name, Ok(&outcome))?;
        if !self.json {
            self.note(&summary(name, &outcome, seconds));
        }
        Ok(())
    }

    /// Reports a failure.
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file).
    pub(crate) fn failed(&mut self, name: &[u8], error: &Error) -> Result<(), Failure> {
        self.file_ended(name, Err(error))?;
        if let Error::Output(cause) = error
            && cause.kind() == io::ErrorKind::BrokenPipe
        {
            return Err(Failure::Output(io::ErrorKind::BrokenPipe.into()));
        }
        let message = match error {
            Error::Connect(_) | Error::NoReply(_) | Error::Stopped(_) => error.to_string(),
            Error::Local { file, .. } | Error::CannotCreate { file, .. } | Error::Exists(file)
                if names_file(name, file) =>
            {
                error.to_string()
            }
            error => format!("{}: {error}", Sanitized(name)),
        };
        self.print(&format!("switchboard: {message}"));
        if let Error::Connect(error) = error
            && let Some(hint) = error.hint()
        {
            self.note(&format!("hint: {hint}"));
        }
        self.failed += 1;
        let code = *self.code.get_or_insert(transfer_code(error));
        match error {
            Error::Connect(_) | Error::NoReply(_) | Error::Output(_) | Error::OutOfTime(_) => {
                Err(Failure::Reported(code))
            }
            Error::Stopped(_) => Err(Failure::Reported(transfer_code(error))),
            _ => Ok(()),
        }
    }

    /// Counts a file and prints its JSON object. Returns the seconds since it was started.
    fn file_ended(
        &mut self,
        name: &[u8],
        result: Result<&Outcome, &Error>,
    ) -> Result<f64, Failure> {
        let started = self.started.take();
        let seconds = started.map_or(0.0, |started| started.elapsed().as_secs_f64());
        self.files += 1;
        self.clear();
        if self.json {
            let mut out = io::stdout().lock();
            writeln!(out, "{}", json_line(name, result, seconds))
                .and_then(|()| out.flush())
                .map_err(Error::Output)?;
        }
        Ok(seconds)
    }

    /// Returns the first failure, if there was one.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Some(code) = self.code else {
            return Ok(());
        };
        if 1 < self.files {
            let message = format!("switchboard: {} of {} failed", self.failed, self.files);
            self.print(&message);
        }
        Err(Failure::Reported(code))
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Prints a line on standard error, above the bar if there is one.
    fn print(&self, line: &str) {
        let write = || writeln!(io::stderr(), "{line}").ok(); // a failing standard error has no substitute
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
    }
}

impl Progress for Reporter {
    fn file_started(&mut self, name: &[u8]) {
        self.clear();
        self.started = Some(Instant::now());
        if !self.has_bars {
            return;
        }
        let bar = ProgressBar::hidden(); // until content is transferred
        bar.set_prefix(shortened(Sanitized(name).to_string()));
        self.bar = Some(bar);
    }

    fn transfer_started(&mut self, offset: u64, length: Option<u64>) {
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
        bar.set_position(offset);
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.reset_eta(); // the part before the offset took no time
    }

    fn advanced(&mut self, offset: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(offset);
        }
    }

    fn note(&mut self, message: &str) {
        if !self.quiet {
            self.print(message);
        }
    }
}

/// Whether a message about the local file says which file of the server it is about: they are called
/// the same, or it is its part.
fn names_file(name: &[u8], file: &Path) -> bool {
    let last = Path::new(OsStr::from_bytes(name)).file_name();
    match (last, file.file_name()) {
        (Some(name), Some(file)) => file.as_bytes().starts_with(name.as_bytes()),
        _ => false,
    }
}

/// The end of a name, short enough for a line with a bar.
fn shortened(name: String) -> String {
    let Some(excess) = name.chars().count().checked_sub(MAX_PREFIX_CHARS + 1) else {
        return name;
    };
    let end = name.chars().skip(excess + 2);
    iter::once('\u{2026}').chain(end).collect()
}

fn summary(name: &[u8], outcome: &Outcome, seconds: f64) -> String {
    let name = Sanitized(name);
    let bytes = outcome.bytes;
    let all = counted(bytes, "byte");
    if outcome.already_there {
        return format!("{name}: unchanged ({all})");
    }
    let transferred = bytes - outcome.resumed_from.unwrap_or(0).min(bytes);
    let resumed = match outcome.resumed_from {
        Some(offset) => format!(", resumed at {offset},"),
        None => String::new(),
    };
    let rate = if seconds < 0.1 {
        String::new() // too short to measure
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rate, rounded"
        )]
        let rate = (transferred as f64 / seconds) as u64;
        format!(" ({}/s)", DecimalBytes(rate))
    };
    format!("{name}: {all}{resumed} in {seconds:.1} s{rate}")
}

fn json_line(name: &[u8], result: Result<&Outcome, &Error>, seconds: f64) -> String {
    let (outcome, error) = (result.ok(), result.err());
    json::line(&JsonFile {
        name: JsonName::new(name),
        result: match outcome {
            None => "failed",
            Some(outcome) if outcome.already_there => "unchanged",
            Some(_) => "done",
        },
        seconds,
        bytes: outcome.map(|outcome| outcome.bytes),
        sha256: outcome
            .and_then(|outcome| outcome.sha256)
            .map(|digest| digest.to_string()),
        resumed_from: outcome.and_then(|outcome| outcome.resumed_from),
        error: error.map(ToString::to_string),
        code: error.map(transfer_code),
    })
}

const MAX_PREFIX_CHARS: usize = 30;
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
    fn long_names_are_shortened() {
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
            let found = shortened(name.to_owned());
            assert_eq!(found, shown);
            assert!(found.chars().count() <= MAX_PREFIX_CHARS);
        }
    }
}
