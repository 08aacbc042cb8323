//! `get`.

use std::io::{self, IsTerminal, Write};

use switchboard_client::{
    Client, Destination, Error, Progress, RemoteWalk, Stop, Target, TftpClient,
};
use switchboard_core::Sanitized;
use switchboard_files::{Kind, Name};

use super::output::{is_standard, output};
use super::report::Reporter;
use super::{GetOptions, last_part, name, tftp};
use crate::error::Failure;

/// Gets all that was asked for.
pub(crate) fn get(options: &GetOptions, quiet: bool) -> Result<(), Failure> {
    let to_output = options.output.as_deref().is_some_and(is_standard);
    if options.output.is_some() && 1 < options.names.len() {
        return Err(Failure::Usage("-o takes one file alone".into()));
    }
    if to_output && (options.peer.json || options.resume) {
        let words = "with -o - there is neither --json nor --resume";
        return Err(Failure::Usage(words.into()));
    }
    let server = options.peer.server()?;
    options.tftp.check(&server)?;
    let path = options.output.as_deref();
    let out = path.map_or(Ok(None), output).map_err(Failure::unwritten)?;
    // There is nothing to be put in order then, and it may be long until such a thing takes more.
    let stop = match out {
        Some(_) => None,
        None => Some(Stop::on_signals().map_err(Failure::Input)?),
    };
    let mut reporter = Reporter::new(options.peer.json, quiet);
    if out.is_some() && io::stdout().is_terminal() {
        reporter = reporter.without_bars();
    }
    let tftp = options.tftp.options(options.peer.timeout);
    if let Some(client) = TftpClient::new(&server, tftp, stop.as_ref()) {
        tftp::get(options, &client, out, &mut reporter)?;
        return reporter.end();
    }
    let names = options.names.iter().map(|words| name(words));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let mut getting = Getting {
        options,
        client: Client::new(server, options.peer.timeout, stop),
        reporter,
    };
    match (out, path) {
        (Some(mut out), _) => getting.print(&names[0], &mut out)?,
        (None, Some(path)) => match Destination::parent_of(path) {
            Ok((destination, own)) => getting.file(&names[0], &destination, &own)?,
            Err(error) => getting.reporter.failed(names[0].as_bytes(), &error)?,
        },
        (None, None) => {
            let destination = Destination::open(&options.directory)?;
            names
                .iter()
                .try_for_each(|name| getting.named(name, &destination))?;
        }
    }
    getting.reporter.end()
}

struct Getting<'a> {
    options: &'a GetOptions,
    client: Client,
    reporter: Reporter,
}

impl Getting<'_> {
    fn print(&mut self, name: &Name, out: &mut dyn Write) -> Result<(), Failure> {
        self.reporter.file_started(name.as_bytes());
        let target = Target::Output(out);
        let done = self.client.get(name, target, &mut self.reporter);
        self.reporter.file(name.as_bytes(), done)
    }

    /// Gets what was asked for by name, under its last part.
    fn named(&mut self, name: &Name, destination: &Destination) -> Result<(), Failure> {
        let own = last_part(name).unwrap_or_default();
        if self.options.recursive {
            match self.client.stat(name) {
                Ok(entry) if entry.kind == Kind::Folder => {
                    return self.folder(name, destination, &own);
                }
                Ok(_) => (),
                Err(error) => return self.reporter.failed(name.as_bytes(), &error),
            }
        }
        self.file(name, destination, &own)
    }

    fn file(&mut self, name: &Name, destination: &Destination, own: &Name) -> Result<(), Failure> {
        self.reporter.file_started(name.as_bytes());
        let target = Target::File {
            destination,
            name: own,
            overwrite: self.options.overwrite,
            resume: self.options.resume,
        };
        let done = self.client.get(name, target, &mut self.reporter);
        self.reporter.file(name.as_bytes(), done)
    }

    /// Gets all that is below a folder, into the folder `own` here.
    fn folder(
        &mut self,
        folder: &Name,
        destination: &Destination,
        own: &Name,
    ) -> Result<(), Failure> {
        if let Err(error) = destination.make_folder(own) {
            return self.reporter.failed(folder.as_bytes(), &error);
        }
        let mut walk = RemoteWalk::below(folder.clone());
        while let Some(found) = walk.next(&mut self.client) {
            let (name, entry) = match found {
                Ok(found) => found,
                Err((name, error)) => {
                    self.reporter.failed(name.as_bytes(), &error)?;
                    continue;
                }
            };
            if entry.name.starts_with(b".") {
                let words = format!("{} is hidden: left out", Sanitized(name.as_bytes()));
                self.reporter.note(&words);
                walk.skip_folder();
                continue;
            }
            let below = &name.as_bytes()[folder.as_bytes().len()..];
            let there = match own.join(below) {
                Ok(there) => there,
                Err(why) => {
                    let error = Error::Protocol(why.to_string());
                    self.reporter.failed(name.as_bytes(), &error)?;
                    continue;
                }
            };
            match entry.kind {
                Kind::File(_) => self.file(&name, destination, &there)?,
                Kind::Folder => {
                    if let Err(error) = destination.make_folder(&there) {
                        walk.skip_folder();
                        self.reporter.failed(name.as_bytes(), &error)?;
                    }
                }
            }
        }
        Ok(())
    }
}
