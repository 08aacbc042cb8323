//! `list`: the files of a server.

use std::io::{self, Write};

use serde::Serialize;
use switchboard_client::{Client, Error};
use switchboard_core::{ListenAddr, Sanitized};
use switchboard_files::{Entry, Kind, Name, Quoted};

use super::names::name;
use super::options::ListOptions;
use super::report::Reporter;
use crate::error::Failure;
use crate::json::{self, JsonName};

pub(crate) fn list(options: &ListOptions, verbose: bool, quiet: bool) -> Result<(), Failure> {
    let folder = options.folder.as_deref().map_or(Ok(Name::root()), name)?;
    let server = options.server.address(false)?;
    if let ListenAddr::Udp(_) = server {
        let message = "TFTP cannot list files: use TCP, or get a file by its name";
        return Err(Failure::Usage(message.into()));
    }
    let mut client = Client::new(
        server,
        options.server.connector(verbose, None),
        options.server.timeout,
    );
    let mut out = io::stdout().lock();
    let mut print = |name: &[u8], entry: &Entry| {
        let line = if options.server.json.json {
            json_line(name, entry)
        } else {
            text(name, entry)
        };
        writeln!(out, "{line}")
    };
    let mut reporter = Reporter::new(false, quiet); // a folder that cannot be listed is not a result
    if !options.recursive {
        let entries = match client.list(&folder) {
            Err(error) if !folder.is_root() => {
                reporter.failed(Quoted::from(&folder).to_string().as_bytes(), &error)?;
                return reporter.finish();
            }
            entries => entries?,
        };
        for entry in entries {
            print(&entry.name, &entry).map_err(Error::Output)?;
        }
        return Ok(());
    }
    client = options.walk.limit(client);
    let mut walk = options.walk.below(folder.clone());
    while let Some(next) = walk.next(&mut client) {
        match next {
            Ok((name, entry)) => {
                let below = &name.as_bytes()[folder.as_bytes().len()..];
                let below = below.strip_prefix(b"/").unwrap_or(below);
                print(below, &entry).map_err(Error::Output)?;
            }
            Err((name, error)) => {
                reporter.failed(Quoted::from(&name).to_string().as_bytes(), &error)?;
            }
        }
    }
    reporter.finish()
}

/// A line of columns; the name comes last, since it has any width.
fn text(name: &[u8], entry: &Entry) -> String {
    let (name, time) = (Sanitized(name), entry.modified);
    match entry.kind {
        Kind::File(size) => format!("{size:>12}  {time}  {name}"),
        Kind::Folder => format!("{:>12}  {time}  {name}/", "-"),
    }
}

#[derive(Serialize)]
struct JsonEntry<'a> {
    #[serde(flatten)]
    name: JsonName<'a>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    modified: String,
}

fn json_line(name: &[u8], entry: &Entry) -> String {
    let (kind, bytes) = match entry.kind {
        Kind::File(size) => ("file", Some(size)),
        Kind::Folder => ("folder", None),
    };
    json::line(&JsonEntry {
        name: JsonName::new(name),
        kind,
        bytes,
        modified: entry.modified.to_string(),
    })
}
