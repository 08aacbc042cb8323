//! `get` and `put` by TFTP.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use switchboard_client::{Destination, Error, Progress, Target, TftpClient};
use switchboard_files::{Name, Source};

use super::report::Reporter;
use super::{GetOptions, PutOptions, last_part};
use crate::error::Failure;

/// Gets all that was asked for, into `out` if there is one.
pub(super) fn get(
    options: &GetOptions,
    client: &TftpClient,
    mut out: Option<Box<dyn Write>>,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    if options.resume || options.recursive {
        return Err(beyond("neither --resume nor --recursive"));
    }
    for words in &options.names {
        // The server may have its own idea of names; here it is the last part.
        let name = words.as_bytes();
        reporter.file_started(name);
        let done = match (&mut out, options.output.as_deref()) {
            (Some(out), _) => client.get(name, Target::Output(out), reporter),
            (None, Some(path)) => Destination::parent_of(path).and_then(|(destination, own)| {
                client.get(name, file(&destination, &own, options), reporter)
            }),
            (None, None) => own_name(words).and_then(|own| {
                let destination = Destination::open(&options.directory)?;
                client.get(name, file(&destination, &own, options), reporter)
            }),
        };
        reporter.file(name, done)?;
    }
    Ok(())
}

fn file<'a>(destination: &'a Destination, name: &'a Name, options: &GetOptions) -> Target<'a> {
    Target::File {
        destination,
        name,
        overwrite: options.overwrite,
        resume: false,
    }
}

/// What a file goes by here of which the server was asked by these words.
fn own_name(words: &OsStr) -> Result<Name, Error> {
    let name = Name::parse(words.as_bytes()).ok();
    let own = name.as_ref().and_then(last_part);
    own.ok_or(Error::InvalidInput(
        "that is no name for a file here (-o says one)",
    ))
}

/// Puts all that was asked for.
pub(super) fn put(
    options: &PutOptions,
    client: &TftpClient,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    if options.resume || options.recursive {
        return Err(beyond("neither --resume nor --recursive"));
    }
    for path in &options.files {
        let last = path.file_name().unwrap_or_default();
        let name = match (&options.name, &options.to) {
            (Some(name), _) => name.as_bytes().to_owned(),
            (_, Some(folder)) => [folder.as_bytes(), b"/", last.as_bytes()].concat(),
            _ => last.as_bytes().to_owned(),
        };
        reporter.file_started(&name);
        let done = Source::open(path)
            .map_err(|cause| Error::Local {
                file: path.clone(),
                cause,
            })
            .and_then(|source| client.put(path, source, &name, reporter));
        reporter.file(&name, done)?;
    }
    Ok(())
}

/// By TFTP there is no such thing.
fn beyond(what: &str) -> Failure {
    Failure::Usage(format!("TFTP has {what}"))
}
