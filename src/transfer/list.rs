//! `list`.

use std::io::{self, Write};

use serde::Serialize;
use switchboard_client::{Client, Endpoint, Error, RemoteWalk};
use switchboard_core::Sanitized;
use switchboard_files::{Entry, Kind, Name, Quoted};

use super::report::Reporter;
use super::{ListOptions, name};
use crate::error::Failure;
use crate::json;

/// Lists a folder.
pub(crate) fn list(options: &ListOptions, quiet: bool) -> Result<(), Failure> {
    let folder = options.folder.as_deref().map_or(Ok(Name::root()), name)?;
    let server = options.peer.server()?;
    if let Endpoint::Udp(_) = server.endpoint() {
        let words = "TFTP has no listing: ask over TCP, or for a file by its name";
        return Err(Failure::Usage(words.into()));
    }
    let mut client = Client::new(server, options.peer.timeout, None);
    let mut out = io::stdout().lock();
    let mut print = |name: &[u8], entry: &Entry| {
        let line = if options.peer.json {
            let name = String::from_utf8_lossy(name);
            json::line(&Told::new(&name, entry))
        } else {
            shown(name, entry)
        };
        writeln!(out, "{line}")
    };
    if !options.recursive {
        let mut each = |entry: Entry| print(&entry.name, &entry).map_err(Error::Output);
        let listed = client.list(&folder, &mut each);
        return listed.map_err(|error| match error {
            Error::Output(error) => Failure::unwritten(error),
            error => error.into(),
        });
    }
    let mut reporter = Reporter::new(false, quiet); // what cannot be listed is no entry
    let mut walk = RemoteWalk::below(folder.clone());
    while let Some(found) = walk.next(&mut client) {
        match found {
            Ok((name, entry)) => {
                let below = &name.as_bytes()[folder.as_bytes().len()..];
                let below = below.strip_prefix(b"/").unwrap_or(below);
                print(below, &entry).map_err(Failure::unwritten)?;
            }
            Err((name, error)) => {
                reporter.failed(Quoted::from(&name).to_string().as_bytes(), &error)?
            }
        }
    }
    reporter.end()
}

/// For people: as wide as most sizes are, and the name last.
fn shown(name: &[u8], entry: &Entry) -> String {
    let (name, time) = (Sanitized(name), entry.modified);
    match entry.kind {
        Kind::File(size) => format!("{size:>12}  {time}  {name}"),
        Kind::Folder => format!("{:>12}  {time}  {name}/", "-"),
    }
}

/// What programs are told.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    modified: String,
}

impl<'a> Told<'a> {
    fn new(name: &'a str, entry: &Entry) -> Self {
        let (kind, bytes) = match entry.kind {
            Kind::File(size) => ("file", Some(size)),
            Kind::Folder => ("folder", None),
        };
        Self {
            name,
            kind,
            bytes,
            modified: entry.modified.to_string(),
        }
    }
}
