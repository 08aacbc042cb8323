//! `put`: files to a server.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use switchboard_client::{Client, Error, Found, LocalWalk, Progress, Stop, TftpClient};
use switchboard_core::ListenAddr;
use switchboard_files::Name;

use super::names::{check_targets, file_name, name, open};
use super::options::PutOptions;
use super::report::Reporter;
use crate::error::Failure;

pub(crate) fn put(options: &PutOptions, verbose: bool, quiet: bool) -> Result<(), Failure> {
    if options.name.is_some() && 1 < options.files.len() {
        return Err(Failure::Usage("--as takes a single FILE".into()));
    }
    let is_root = |name: &OsString| name.as_bytes().iter().all(|&byte| byte == b'/');
    if options.name.as_ref().is_some_and(is_root) {
        return Err(Failure::Usage("--as requires the name of a file".into()));
    }
    let targets = options.files.iter().map(|path| file_name(path).to_owned());
    let sources = options.files.iter().map(|path| path.as_os_str());
    check_targets(sources.zip(targets))?;
    let server = options.server.address(options.tftp.udp)?;
    options.tftp.check(&server)?;
    let mut reporter = Reporter::new(options.server.json.json, quiet);
    // Over TFTP, a signal sends an error to the server, which would otherwise wait.
    let stop = match server {
        ListenAddr::Udp(_) => Some(Stop::on_signals().map_err(Failure::Input)?),
        _ => None,
    };
    let mut connector = options.server.connector(verbose, stop.as_ref());
    if let ListenAddr::Udp(_) = server {
        let tftp = options.tftp.options(options.server.timeout);
        let client = TftpClient::new(&server, &mut connector, tftp).map_err(Error::from)?;
        put_by_tftp(options, &client, &mut reporter)?;
        return reporter.finish();
    }
    let own = options.name.as_deref().map(name).transpose()?;
    let folder = options.to.as_deref().map_or(Ok(Name::root()), name)?;
    let mut put = Put {
        options,
        client: Client::new(server, connector, options.server.timeout),
        reporter,
    };
    for path in &options.files {
        put.file_or_folder(path, &folder, own.as_ref())?;
    }
    put.reporter.finish()
}

struct Put<'a> {
    options: &'a PutOptions,
    client: Client,
    reporter: Reporter,
}

impl Put<'_> {
    /// Puts a file or folder under the name `own`, or under its last part in `folder`.
    fn file_or_folder(
        &mut self,
        path: &Path,
        folder: &Name,
        own: Option<&Name>,
    ) -> Result<(), Failure> {
        let shown = path.as_os_str().as_bytes();
        let name = own.map_or_else(|| folder.join(file_name(path)), |own| Ok(own.clone()));
        let name = match name {
            Ok(name) => name,
            Err(error) => {
                let error = Error::Local {
                    file: path.to_owned(),
                    cause: error.into(),
                };
                return self.reporter.failed(shown, &error);
            }
        };
        if !path.is_dir() {
            return self.file(path, &name);
        }
        if !self.options.folders.recursive {
            let error = Error::InvalidInput("a folder requires --recursive");
            return self.reporter.failed(shown, &error);
        }
        for found in LocalWalk::new(path, name).with_hidden(self.options.folders.hidden) {
            match found {
                Found::File(path, name) => self.file(&path, &name)?,
                Found::Skipped(message) => self.reporter.note(&message),
                Found::Unreadable(path, error) => {
                    self.reporter.failed(path.as_os_str().as_bytes(), &error)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &Name) -> Result<(), Failure> {
        self.reporter.file_started(name.as_bytes());
        let (client, resume) = (&mut self.client, self.options.resume);
        let result = open(path)
            .and_then(|source| client.put(path, source, name, resume, &mut self.reporter));
        self.reporter.file(name.as_bytes(), result)
    }
}

/// Puts the files over TFTP.
fn put_by_tftp(
    options: &PutOptions,
    client: &TftpClient,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    options.folders.check_tftp(options.resume)?;
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
