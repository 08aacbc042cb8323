//! Markdown pages: their code blocks, and the commands in these.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the project.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One page.
pub(super) struct Page {
    pub(super) path: PathBuf, // below the root
    pub(super) text: String,
}

/// A fenced block of code.
pub(super) struct Block<'p> {
    pub(super) line: usize, // of its first line, from 1
    pub(super) language: &'p str,
    attributes: Vec<(&'p str, &'p str)>,
    pub(super) lines: Vec<&'p str>,
}

/// A command of a `console` block, with the output that is shown below it.
pub(super) struct Shown<'p> {
    pub(super) line: usize,
    pub(super) command: String,
    pub(super) output: Vec<&'p str>,
}

impl Page {
    /// All pages: those in the root folder, of the examples, and of the manual.
    pub(super) fn all() -> Vec<Self> {
        let mut pages = Vec::new();
        let mut folders = vec![root().join("docs")];
        for name in ["README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG"] {
            pages.push(Self::read(&root().join(name).with_extension("md")));
        }
        pages.push(Self::read(&root().join("examples/README.md")));
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(folder).expect("the folder exists");
            for entry in entries.map(|entry| entry.expect("it is readable").path()) {
                match entry.extension() {
                    None => folders.push(entry),
                    Some(end) if end == "md" => pages.push(Self::read(&entry)),
                    Some(_) => (),
                }
            }
        }
        pages
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path);
        Self {
            path: path.strip_prefix(root()).expect("it is below").to_owned(),
            text: text.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        }
    }

    pub(super) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let mut words = info.split_whitespace();
            let language = words.next().unwrap_or_default();
            let content = lines.by_ref().map(|(line, _)| line);
            let content = content.take_while(|line| line.trim() != "```");
            blocks.push(Block {
                line: number + 1,
                language,
                attributes: words
                    .map(|word| word.split_once('=').unwrap_or((word, "")))
                    .collect(),
                lines: content
                    .map(|line| line.get(indent..).unwrap_or_default())
                    .collect(),
            });
        }
        blocks
    }

    /// The text outside code blocks, line by line with its number; indented blocks are included.
    pub(super) fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut in_block = false;
        (1..).zip(self.text.lines()).filter(move |(_, line)| {
            let is_fence = line.trim_start().starts_with("```");
            in_block ^= is_fence;
            !in_block && !is_fence
        })
    }
}

impl<'p> Block<'p> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'p str> {
        let found = self.attributes.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The commands, each after `$ `; a `\` at the end of a line continues it.
    pub(super) fn commands(&self) -> Vec<Shown<'p>> {
        let mut commands: Vec<Shown<'p>> = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let last = commands.last_mut();
            if let Some(command) = line.strip_prefix("$ ") {
                commands.push(Shown {
                    line: self.line + index,
                    command: command.to_owned(),
                    output: Vec::new(),
                });
            } else if let Some(last) = last {
                match last.command.strip_suffix('\\') {
                    Some(begun) => last.command = format!("{begun}{}", line.trim_start()),
                    None => last.output.push(line),
                }
            }
        }
        commands
    }
}
