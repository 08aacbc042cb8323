//! `put`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use switchboard_client::{Client, Endpoint, Error, Found, LocalWalk, Progress, Stop, TftpClient};
use switchboard_files::{Name, Source};

use super::report::Reporter;
use super::{PutOptions, name, tftp};
use crate::error::Failure;

/// Puts all that was asked for.
pub(crate) fn put(options: &PutOptions, quiet: bool) -> Result<(), Failure> {
    if options.name.is_some() && 1 < options.files.len() {
        return Err(Failure::Usage("--as names one file alone".into()));
    }
    let server = options.peer.server()?;
    options.tftp.check(&server)?;
    let mut reporter = Reporter::new(options.peer.json, quiet);
    let tftp = options.tftp.options(options.peer.timeout);
    // By TFTP the server is told when there is no more to wait for.
    let stop = match server.endpoint() {
        Endpoint::Udp(_) => Some(Stop::on_signals().map_err(Failure::Input)?),
        Endpoint::Tcp(_) | Endpoint::Unix(_) => None,
    };
    if let Some(client) = TftpClient::new(&server, tftp, stop.as_ref()) {
        tftp::put(options, &client, &mut reporter)?;
        return reporter.end();
    }
    let own = options.name.as_deref().map(name).transpose()?;
    let folder = options.to.as_deref().map_or(Ok(Name::root()), name)?;
    let mut putting = Putting {
        options,
        client: Client::new(server, options.peer.timeout, None),
        reporter,
    };
    for path in &options.files {
        putting.named(path, &folder, own.as_ref())?;
    }
    putting.reporter.end()
}

struct Putting<'a> {
    options: &'a PutOptions,
    client: Client,
    reporter: Reporter,
}

impl Putting<'_> {
    /// Puts what was asked for by its path: into the folder, under its last part, or as `own`.
    fn named(&mut self, path: &Path, folder: &Name, own: Option<&Name>) -> Result<(), Failure> {
        let shown = path.as_os_str().as_bytes();
        // Of a path such as `.` what is in it goes into the folder itself.
        let last = path.file_name().map_or(&b""[..], OsStrExt::as_bytes);
        let name = match own.map_or_else(|| folder.join(last), |own| Ok(own.clone())) {
            Ok(name) => name,
            Err(why) => {
                let error = Error::Local {
                    file: path.to_owned(),
                    cause: why.into(),
                };
                return self.reporter.failed(shown, &error);
            }
        };
        if !path.is_dir() {
            return self.file(path, &name);
        }
        if !self.options.recursive {
            let error =
                Error::InvalidInput("that is a folder (--recursive puts all that is in it)");
            return self.reporter.failed(shown, &error);
        }
        for found in LocalWalk::new(path, name) {
            match found {
                Found::File(path, name) => self.file(&path, &name)?,
                Found::Other(words) => self.reporter.note(&words),
                Found::Unreadable(path, error) => {
                    self.reporter.failed(path.as_os_str().as_bytes(), &error)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &Name) -> Result<(), Failure> {
        self.reporter.file_started(name.as_bytes());
        let done = match Source::open(path) {
            Ok(source) => {
                let resume = self.options.resume;
                self.client
                    .put(path, source, name, resume, &mut self.reporter)
            }
            Err(cause) => Err(Error::Local {
                file: path.to_owned(),
                cause,
            }),
        };
        self.reporter.file(name.as_bytes(), done)
    }
}
