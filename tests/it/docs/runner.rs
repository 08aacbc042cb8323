//! Runs the commands that a page shows, in a folder of its own, and compares their output.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use tempfile::{NamedTempFile, TempDir, tempdir};

use super::output::matches;
use super::page::{Page, Shown};
use super::ports::{at_free_ports, ports_in, with_ports};
use crate::support::{Process, poll, program, villains, wait_for};

/// What came of a page.
#[derive(Default)]
pub(super) struct Report {
    pub(super) run: usize,
    pub(super) not_run: Vec<String>, // each block and its reason
    pub(super) wrong: Vec<String>,
}

/// A page at work: its folder, and the servers that it has started.
struct Scene<'p> {
    page: &'p Page,
    folder: TempDir,
    path: String,
    servers: Vec<Server<'p>>,
    ports: Vec<(String, String)>, // as in the text, and the real one
    report: Report,
}

struct Server<'p> {
    shown: Shown<'p>,
    process: Process,
    output: NamedTempFile,
    ports: Vec<(String, String)>,
}

/// Runs all blocks of a page, from the first to the last.
pub(super) fn run(page: &Page) -> Report {
    let villains = villains();
    let examples = villains.parent().expect("it is in a folder");
    let own = program();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut scene = Scene {
        page,
        folder: tempdir().expect("a folder can be made"),
        path: format!(
            "{}:{}:{path}",
            own.parent().expect("it is in a folder").display(),
            examples.display()
        ),
        servers: Vec::new(),
        ports: Vec::new(),
        report: Report::default(),
    };
    for block in page.blocks() {
        if let Some(name) = block.attribute("file") {
            fs::write(scene.folder.path().join(name), block.text()).expect("it can be written");
        }
        match (block.language, block.attribute("not-run")) {
            ("console", None) => block
                .commands()
                .into_iter()
                .for_each(|shown| scene.command(shown)),
            ("console", Some(reason)) => {
                let block = format!("{}:{}: {reason}", page.path.display(), block.line);
                scene.report.not_run.push(block);
            }
            _ => (),
        }
    }
    scene.end()
}

impl<'p> Scene<'p> {
    fn command(&mut self, shown: Shown<'p>) {
        self.report.run += 1;
        let command = shown
            .command
            .replace("cargo run --release -- ", "switchboard ");
        let command = match command.strip_prefix("cargo run --example ") {
            Some(example) => example.replacen(" -- ", " ", 1),
            None => command,
        };
        let fails = shown
            .output
            .first()
            .is_some_and(|line| line.starts_with("switchboard: ") || line.starts_with("error: "));
        let is_server = command.split(' ').nth(1) == Some("serve")
            && !fails
            && !command.contains("--listen stdio:");
        if is_server {
            self.serve(shown, &command);
        } else {
            self.ask(&shown, &command);
        }
    }

    /// Starts a server at free ports, and waits until it says where it listens.
    fn serve(&mut self, shown: Shown<'p>, command: &str) {
        let (command, texts) = at_free_ports(command);
        let output = NamedTempFile::new().expect("a file can be made");
        let file = || {
            Stdio::from(
                File::options()
                    .append(true)
                    .open(output.path())
                    .expect("it is there"),
            )
        };
        let mut bash = self.bash(&["bash"], &format!("exec {command}"));
        let process = Process::start(bash.stdout(file()).stderr(file()));
        let announcement = wait_for("the address of a server", || {
            let printed = read(&output);
            let (printed, _) = printed.rsplit_once('\n')?;
            let is_last = |line: &&str| line.contains("listen") || line.starts_with("error");
            printed.lines().find(is_last).map(str::to_owned)
        });
        let real = ports_in(&announcement);
        if real.len() != texts.len() {
            return self.differs(&shown, &announcement);
        }
        let ports = texts.into_iter().zip(real);
        let ports: Vec<_> = ports.filter(|(text, _)| text != "0").collect();
        self.ports
            .retain(|(text, _)| ports.iter().all(|(new, _)| new != text));
        self.ports.extend(ports.iter().cloned());
        self.servers.push(Server {
            shown,
            process,
            output,
            ports,
        });
    }

    /// Runs a command to its end.
    fn ask(&mut self, shown: &Shown<'p>, command: &str) {
        let command = with_ports(command, self.ports.iter().map(|(text, real)| (text, real)));
        let mut bash = self.bash(&["timeout", "30", "bash"], &format!("exec 2>&1; {command}"));
        let output = bash.output().expect("bash runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        let printed = with_ports(&printed, self.ports.iter().map(|(text, real)| (real, text)));
        let lines: Vec<&str> = printed.lines().collect();
        if !matches(&shown.output, &lines, true) {
            self.differs(shown, &printed);
        }
    }

    fn bash(&self, program: &[&str], script: &str) -> Command {
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .args(["-c", script])
            .stdin(Stdio::null());
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path());
        command.env("PATH", &self.path).env("TZ", "UTC");
        command
    }

    fn differs(
        &mut self,
        Shown {
            line,
            command,
            output,
        }: &Shown<'_>,
        said: &str,
    ) {
        let page = self.page.path.display();
        let shown = output.join("\n");
        self.report.wrong.push(format!(
            "{page}:{line}: $ {command}\n--- shown\n{shown}\n--- printed\n{said}"
        ));
    }

    /// Compares what the servers have printed, and stops them.
    fn end(mut self) -> Report {
        for mut server in std::mem::take(&mut self.servers) {
            // What a server logs about a client may come after the client has ended.
            let mut printed = String::new();
            let is_as_shown = poll(|| {
                printed = with_ports(
                    &read(&server.output),
                    server.ports.iter().map(|(text, real)| (real, text)),
                );
                let lines: Vec<&str> = printed.lines().collect();
                matches(&server.shown.output, &lines, false).then_some(())
            });
            if is_as_shown.is_none() {
                self.differs(&server.shown, &printed);
            }
            server.process.signal(Signal::SIGTERM);
            let status = server.process.wait();
            if !status.success() {
                self.differs(&server.shown, &status.to_string());
            }
        }
        self.report
    }
}

fn read(output: &NamedTempFile) -> String {
    let bytes = fs::read(output.path()).expect("it can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
