//! `get`: files from a server.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use switchboard_client::{Client, Destination, Error, Progress, Stop, Target, TftpClient};
use switchboard_core::{ListenAddr, Sanitized};
use switchboard_files::{FileError, Kind, Name, Status};

use super::names::{check_targets, last_part, name};
use super::options::GetOptions;
use super::report::Reporter;
use crate::error::Failure;

pub(crate) fn get(options: &GetOptions, verbose: bool, quiet: bool) -> Result<(), Failure> {
    let json = options.server.json.json;
    if options.output.is_some() && 1 < options.names.len() {
        return Err(Failure::Usage("-o takes a single NAME".into()));
    }
    if options.output.as_deref().is_some_and(is_stdout) && (json || options.resume) {
        let message = "--json and --resume cannot be used with -o -";
        return Err(Failure::Usage(message.into()));
    }
    check_targets(options.names.iter().filter_map(|name| {
        let own = last_part(&Name::parse(name.as_bytes()).ok()?);
        Some((OsStr::new(name), own.as_bytes().to_owned()))
    }))?;
    let server = options.server.address(options.tftp.udp)?;
    options.tftp.check(&server)?;
    let path = options.output.as_deref();
    let out = path.map_or(Ok(None), output).map_err(Error::Output)?;
    // A signal ends a write to an output at once, which leaves nothing to clean up.
    let stop = match out {
        Some(_) => None,
        None => Some(Stop::on_signals().map_err(Failure::Input)?),
    };
    let mut reporter = Reporter::new(json, quiet);
    if out.is_some() && io::stdout().is_terminal() {
        reporter.has_bars = false; // they would overwrite the file
    }
    let mut connector = options.server.connector(verbose, stop.as_ref());
    if let ListenAddr::Udp(_) = server {
        let tftp = options.tftp.options(options.server.timeout);
        let client = TftpClient::new(&server, &mut connector, tftp).map_err(Error::from)?;
        get_by_tftp(options, &client, out, &mut reporter)?;
        return reporter.finish();
    }
    let names = options.names.iter().map(|text| name(text));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let client = Client::new(server, connector, options.server.timeout);
    let mut get = Get {
        options,
        client: if options.folders.recursive {
            options.walk.limit(client)
        } else {
            client
        },
        reporter,
    };
    match (out, path) {
        (Some(mut out), _) => get.file(&names[0], Target::Output(&mut out))?,
        (None, Some(path)) => match Destination::parent_of(path) {
            Ok((destination, own)) => get.file(&names[0], options.target(&destination, &own))?,
            Err(error) => get.reporter.failed(names[0].as_bytes(), &error)?,
        },
        (None, None) => {
            let destination = Destination::open(&options.directory)?;
            names
                .iter()
                .try_for_each(|name| get.file_or_folder(name, &destination))?;
        }
    }
    get.reporter.finish()
}

struct Get<'a> {
    options: &'a GetOptions,
    client: Client,
    reporter: Reporter,
}

impl Get<'_> {
    fn file_or_folder(&mut self, name: &Name, destination: &Destination) -> Result<(), Failure> {
        let own = last_part(name);
        if self.options.folders.recursive {
            match self.client.stat(name) {
                Ok(entry) if entry.kind == Kind::Folder => {
                    return self.folder(name, destination, &own);
                }
                Ok(_) => (),
                Err(error) => return self.reporter.failed(name.as_bytes(), &error),
            }
        }
        self.file(name, self.options.target(destination, &own))
    }

    fn file(&mut self, name: &Name, target: Target<'_>) -> Result<(), Failure> {
        self.reporter.file_started(name.as_bytes());
        let result = self.client.get(name, target, &mut self.reporter);
        let result = match result {
            Err(
                Error::Rejected(Status::NOT_FOUND, _)
                | Error::CannotCreate {
                    cause: FileError::NotAFile,
                    ..
                },
            ) if self.is_folder(name) => Err(Error::InvalidInput("a folder requires --recursive")),
            other => other,
        };
        self.reporter.file(name.as_bytes(), result)
    }

    fn is_folder(&mut self, name: &Name) -> bool {
        !self.options.folders.recursive
            && matches!(self.client.stat(name), Ok(entry) if entry.kind == Kind::Folder)
    }

    /// Gets everything below a folder, into the local folder `own`.
    fn folder(
        &mut self,
        folder: &Name,
        destination: &Destination,
        own: &Name,
    ) -> Result<(), Failure> {
        if let Err(error) = destination.make_folder(own) {
            return self.reporter.failed(folder.as_bytes(), &error);
        }
        let mut walk = self.options.walk.below(folder.clone());
        while let Some(next) = walk.next(&mut self.client) {
            let (name, entry) = match next {
                Ok(found) => found,
                Err((name, error)) => {
                    self.reporter.failed(name.as_bytes(), &error)?;
                    continue;
                }
            };
            if entry.name.starts_with(b".") && !self.options.folders.hidden {
                let name = Sanitized(name.as_bytes());
                let message = format!("{name} is hidden: skipped (--hidden includes it)");
                self.reporter.note(&message);
                walk.skip_folder();
                continue;
            }
            let below = &name.as_bytes()[folder.as_bytes().len()..];
            let local = match own.join(below) {
                Ok(local) => local,
                Err(error) => {
                    let error = Error::Protocol(error.to_string());
                    self.reporter.failed(name.as_bytes(), &error)?;
                    continue;
                }
            };
            match entry.kind {
                Kind::File(_) => self.file(&name, self.options.target(destination, &local))?,
                Kind::Folder => {
                    if let Err(error) = destination.make_folder(&local) {
                        walk.skip_folder();
                        self.reporter.failed(name.as_bytes(), &error)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Gets the files over TFTP, to `out` if there is one.
fn get_by_tftp(
    options: &GetOptions,
    client: &TftpClient,
    mut out: Option<Box<dyn Write>>,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    options.folders.check_tftp(options.resume)?;
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

/// The writer for `-o PATH` if that is standard output, or an existing device or pipe. Other paths are
/// of files that are created.
///
/// # Errors
///
/// The device or pipe cannot be opened.
fn output(path: &Path) -> io::Result<Option<Box<dyn Write>>> {
    if is_stdout(path) {
        return Ok(Some(Box::new(io::stdout())));
    }
    match fs::metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if !kind.is_file() && !kind.is_dir() => {
            Ok(Some(Box::new(File::options().write(true).open(path)?)))
        }
        _ => Ok(None),
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}
