//! The conversation that was published in 1966, by the script that was, through the whole program.
//! Neither is part of the project: a folder with both is named by `SWITCHBOARD_ELIZA_1966`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::support::{MODELS, Server, UdpClient, installed, shell, stdout_of, temp_dir};

/// The script, and what was said and answered; nothing where they are not at hand.
struct Published {
    script: PathBuf,
    turns: Vec<(String, String)>,
    opening: String,
}

impl Published {
    fn find() -> Option<Self> {
        let Some(folder) = std::env::var_os("SWITCHBOARD_ELIZA_1966") else {
            // Past the harness, which keeps what a passing test prints to itself.
            writeln!(
                io::stderr(),
                "skipped: SWITCHBOARD_ELIZA_1966 names no folder"
            )
            .ok();
            return None;
        };
        let folder = Path::new(&folder);
        let text = fs::read_to_string(folder.join("conversation.txt")).expect("it is there");
        let lines: Vec<&str> = text.lines().collect();
        let turns = lines.chunks(2).map(|pair| {
            let said = pair[0]
                .strip_prefix("> ")
                .expect("every other line was said");
            (said.to_owned(), pair[1].to_owned())
        });
        let script = folder.join("doctor.script");
        let text = fs::read_to_string(&script).expect("it is there");
        let mut lists = text
            .lines()
            .filter_map(|line| line.strip_prefix('(')?.strip_suffix(')'));
        let opening = lists.next().expect("it begins with one").split_whitespace();
        let published = Self {
            script,
            turns: turns.collect(),
            opening: opening.collect::<Vec<_>>().join(" "),
        };
        assert_eq!(published.turns.len(), 15);
        Some(published)
    }

    /// All that was said, by lines.
    fn said(&self) -> String {
        self.turns
            .iter()
            .map(|(said, _)| format!("{said}\n"))
            .collect()
    }

    /// Checks what was heard, after the opening words, byte for byte.
    #[track_caller]
    fn check(&self, heard: &str, how: &str) {
        let answers: String = self
            .turns
            .iter()
            .map(|(_, answer)| format!("{answer}\n"))
            .collect();
        let (opening, rest) = heard.split_once('\n').expect("it opens");
        assert_eq!(opening, self.opening, "{how}");
        assert_eq!(rest, answers, "{how}");
    }
}

#[test]
fn the_conversation_through_a_pipe() {
    let Some(published) = Published::find() else {
        return;
    };
    let script = published.script.display();
    for command in ["talk --script", "script run"] {
        let talk = stdout_of(&format!("$PROGRAM {command} {script}"), &published.said());
        published.check(&talk, command);
    }
}

#[test]
fn the_conversation_by_nc_under_every_model() {
    let Some(published) = Published::find() else {
        return;
    };
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let script = published.script.display();
    for model in MODELS {
        let server = Server::start(&format!("eliza --model {model} --script {script}"));
        let call = format!("nc.openbsd -N localhost {}", server.port());
        published.check(&stdout_of(&call, &published.said()), model);
        published.check(&stdout_of(&call, &published.said()), model); // nothing is left of the first
    }
}

#[test]
fn the_conversation_over_udp() {
    let Some(published) = Published::find() else {
        return;
    };
    let script = published.script.display();
    let server = Server::start_udp(&format!("eliza --script {script}"));
    let client = UdpClient::connect(&server);
    for (said, answer) in &published.turns {
        assert_eq!(client.ask(format!("{said}\n")), format!("{answer}\n"));
    }
}

#[test]
fn two_clients_have_separate_conversations() {
    let Some(published) = Published::find() else {
        return;
    };
    let script = published.script.display();
    for model in ["fork", "threads", "events"] {
        let server = Server::start(&format!("eliza --model {model} --script {script}"));
        let mut clients = [server.connect(), server.connect()];
        for client in &mut clients {
            client.line();
        }
        for (said, answer) in &published.turns {
            for client in &mut clients {
                assert_eq!(client.ask(said), *answer, "{model}");
            }
        }
        for client in &mut clients {
            client.shutdown_write();
            assert_eq!(client.rest(), b"", "the script has no parting words");
        }
    }
}

#[test]
fn the_script_has_no_warnings() {
    let Some(published) = Published::find() else {
        return;
    };
    let script = published.script.display();
    let check = format!("$PROGRAM script check --deny-warnings {script}");
    assert_eq!(
        stdout_of(&check, ""),
        format!("{script}: 1966, 67 rules, no problems\n")
    );
}

#[test]
fn trace_reports_each_turn_as_json() {
    let Some(published) = Published::find() else {
        return;
    };
    let talk = format!(
        "$PROGRAM talk --trace=json --script {}",
        published.script.display()
    );
    let told = stdout_of(&talk, &published.said());
    let objects: Vec<serde_json::Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(objects.len(), 16);
    assert_eq!(objects[0]["source"], "greeting");
    for (object, (said, answer)) in objects[1..].iter().zip(&published.turns) {
        assert_eq!(
            (&object["line"], &object["reply"]),
            (&said[..].into(), &answer[..].into())
        );
    }
    let step = |turn: usize, kind: &str| {
        let steps = objects[turn]["steps"].as_array().expect("steps are a list");
        let found = steps.iter().find(|step| step["step"] == kind);
        found
            .unwrap_or_else(|| panic!("no {kind}: {steps:?}"))
            .clone()
    };
    let third = step(3, "matched");
    assert_eq!(third["keyword"], "MY");
    let parts = third["parts"].as_array().expect("parts are a list");
    let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_str()).collect();
    assert_eq!(parts.join(" ").trim(), published.turns[2].1);
    assert!(
        third["reply"]
            .as_str()
            .is_some_and(|reply| reply.starts_with('(')),
        "{third}"
    );
    assert_eq!(step(3, "read")["words"][0], "WELL");
    assert_eq!(objects[1]["source"], "rule");
    assert_eq!(objects[15]["source"], "memory");
    // What is remembered was said in the third line, and is told in the last one.
    assert_eq!(objects[14]["memory"][0], objects[15]["reply"]);
}

#[test]
fn steps_shows_each_step() {
    let Some(published) = Published::find() else {
        return;
    };
    let run = format!("$PROGRAM script run --steps {}", published.script.display());
    let (said, answer) = &published.turns[2];
    let told = stdout_of(&run, said);
    let lines: Vec<&str> = told.lines().collect();
    // The words of this answer are those that it was made from.
    assert_eq!(lines[1..], [&format!("{answer} :MY"), answer], "{told}");
}

#[test]
fn a_script_with_an_endless_loop_is_stopped() {
    let script = "()\n(A ((0) (PRE (A B 1) (=B))))\n(B ((0) (=A)))\n(NONE ((0) (X)))\n\
        (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))\n";
    let folder = temp_dir();
    let path = folder.path().join("round.script");
    fs::write(&path, script).expect("it can be written");
    for option in ["", "--steps", "--trace", "--trace=json"] {
        let output = shell(
            &format!("$PROGRAM script run {option} {}", path.display()),
            b"a\na\n",
        );
        assert!(output.status.success(), "{option}: {output:?}");
        assert!(!output.stdout.is_empty(), "{option}");
    }
}
