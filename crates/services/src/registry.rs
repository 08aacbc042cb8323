//! The services by name, each with its options on the command line.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use clap::{ArgMatches, Args, Command};
use switchboard_core::Service;

use crate::file_problem::FileProblem;

/// A table of services by name, in the order in which they are listed.
#[derive(Default)]
pub struct Services {
    entries: Vec<Entry>,
    version: Option<&'static str>,
}

/// A service cannot be made from its options.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve {service}: {reason}")]
pub struct InvalidOptions {
    service: String,
    reason: String,
    is_denied: bool,
}

impl InvalidOptions {
    /// Whether the system denies access to a file.
    pub fn is_denied(&self) -> bool {
        self.is_denied
    }
}

struct Entry {
    command: Command,
    make: Make,
}

type Make = Box<dyn Fn(&ArgMatches) -> Result<Arc<dyn Service>, Invalid>>;

/// What [`InvalidOptions`] has beside the service.
struct Invalid {
    reason: String,
    is_denied: bool,
}

/// The options of a service that has none.
#[derive(Args)]
struct NoOptions {}

impl Services {
    /// Adds a service without options: its name, a one-line description, and how to make it. It
    /// replaces a service of the same name.
    pub fn add<S: Service + 'static>(
        &mut self,
        name: &'static str,
        about: &'static str,
        make: impl Fn() -> S + 'static,
    ) {
        self.add_with(name, about, move |_: NoOptions| Ok::<_, Infallible>(make()));
    }

    /// Adds a service with options, which become options of `serve NAME`. It replaces a service of
    /// the same name.
    ///
    /// If `make` returns an error, it is shown to the user and nothing is served.
    ///
    /// # Panics
    ///
    /// In debug builds, when the command line is parsed: an option has the name of one that every
    /// service has, such as `--listen`.
    pub fn add_with<O: Args, S: Service + 'static, E: fmt::Display + 'static>(
        &mut self,
        name: &'static str,
        about: &'static str,
        make: impl Fn(O) -> Result<S, E> + 'static,
    ) {
        let command = O::augment_args(Command::new(name)).about(about);
        let make: Make = Box::new(move |matches| {
            let options = O::from_arg_matches(matches);
            let options = options.map_err(|error| Invalid {
                reason: error.to_string(),
                is_denied: false,
            })?;
            let service = make(options).map_err(|error| {
                let problem = (&error as &dyn Any).downcast_ref::<FileProblem>();
                Invalid {
                    reason: error.to_string(),
                    is_denied: problem.is_some_and(FileProblem::is_denied),
                }
            })?;
            Ok(Arc::new(service))
        });
        self.entries
            .retain(|entry| entry.command.get_name() != name);
        self.entries.push(Entry { command, make });
    }

    /// Sets the version of the program, which `--version` prints: `env!("CARGO_PKG_VERSION")`.
    pub fn set_version(&mut self, version: &'static str) {
        self.version = Some(version);
    }

    /// The version of the program, if it is known.
    pub fn version(&self) -> Option<&'static str> {
        self.version
    }

    /// The name and the description of each service.
    pub fn names(&self) -> impl Iterator<Item = (&str, String)> {
        self.entries.iter().map(|Entry { command, .. }| {
            let about = command.get_about().map(ToString::to_string);
            (command.get_name(), about.unwrap_or_default())
        })
    }

    /// A subcommand for each service, with its options.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
        self.entries.iter().map(|entry| entry.command.clone())
    }

    /// Makes the service `name` from the options that its subcommand matched.
    ///
    /// # Errors
    ///
    /// The options are valid for clap but not for the service, such as a script that cannot be read.
    ///
    /// # Panics
    ///
    /// There is no such service: only names of [`commands`](Self::commands) are matched.
    pub fn make(
        &self,
        name: &str,
        options: &ArgMatches,
    ) -> Result<Arc<dyn Service>, InvalidOptions> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.command.get_name() == name);
        let entry = entry.expect("the name is one of its own commands");
        (entry.make)(options).map_err(|invalid| InvalidOptions {
            service: name.to_owned(),
            reason: invalid.reason,
            is_denied: invalid.is_denied,
        })
    }
}
