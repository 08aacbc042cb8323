//! `get` and `put` over TFTP.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use switchboard_client::{Destination, Error, Progress, Target, TftpClient};
use switchboard_files::Name;

use super::names::{file_name, last_part, open};
use super::options::{GetOptions, PutOptions};
use super::report::Reporter;
use crate::error::Failure;

/// Gets the files, to `out` if there is one.
pub(super) fn get(
    options: &GetOptions,
    client: &TftpClient,
    mut out: Option<Box<dyn Write>>,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    check_unsupported(options.resume, options.folders.recursive)?;
    for name in &options.names {
        let bytes = name.as_bytes(); // the server may have other rules for names
        reporter.file_started(bytes);
        let result = match (&mut out, options.output.as_deref()) {
            (Some(out), _) => client.get(bytes, Target::Output(out), reporter),
            (None, Some(path)) => Destination::parent_of(path).and_then(|(destination, own)| {
                client.get(bytes, options.target(&destination, &own), reporter)
            }),
            (None, None) => local_name(name).and_then(|own| {
                let destination = Destination::open(&options.directory)?;
                client.get(bytes, options.target(&destination, &own), reporter)
            }),
        };
        reporter.file(bytes, result)?;
    }
    Ok(())
}

/// The local name of a file that the server calls `name`.
fn local_name(name: &OsStr) -> Result<Name, Error> {
    let own = Name::parse(name.as_bytes()).map(|name| last_part(&name));
    own.ok()
        .filter(|own| !own.is_root())
        .ok_or(Error::InvalidInput(
            "this name is not possible for a local file (-o gives another)",
        ))
}

/// Puts the files.
pub(super) fn put(
    options: &PutOptions,
    client: &TftpClient,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    check_unsupported(options.resume, options.folders.recursive)?;
    for path in &options.files {
        let last = file_name(path);
        let name = match (&options.name, &options.to) {
            (Some(name), _) => name.as_bytes().to_owned(),
            (_, Some(folder)) => [folder.as_bytes(), b"/", last].concat(),
            _ => last.to_owned(),
        };
        reporter.file_started(&name);
        let result = open(path).and_then(|source| client.put(path, source, &name, reporter));
        reporter.file(&name, result)?;
    }
    Ok(())
}

fn check_unsupported(resume: bool, recursive: bool) -> Result<(), Failure> {
    if resume || recursive {
        let message = "TFTP supports neither --resume nor --recursive";
        return Err(Failure::Usage(message.into()));
    }
    Ok(())
}
