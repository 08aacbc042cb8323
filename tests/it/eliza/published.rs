//! The conversation that was published in 1966, with the script that was published with it.
//!
//! Neither is part of this project, so the tests are ignored by default. To run them, set
//! `SWITCHBOARD_ELIZA_1966` to a folder with `doctor.script` and `conversation.txt`, and pass
//! `--include-ignored`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::support::{CONCURRENT_MODELS, MODELS, Server, UdpClient, installed, stdout_of};

/// The script and the conversation, as pairs of input and answer.
struct Published {
    script: PathBuf,
    turns: Vec<(String, String)>,
    opening: String,
}

impl Published {
    fn read() -> Self {
        let folder = env::var_os("SWITCHBOARD_ELIZA_1966");
        let folder = folder.expect("SWITCHBOARD_ELIZA_1966 is set");
        let folder = Path::new(&folder);
        let text = fs::read_to_string(folder.join("conversation.txt")).expect("the folder has it");
        let lines: Vec<&str> = text.lines().collect();
        let turns = lines.chunks(2).map(|pair| {
            let input = pair[0].strip_prefix("> ").expect("odd lines are input");
            (input.to_owned(), pair[1].to_owned())
        });
        let script = folder.join("doctor.script");
        let text = fs::read_to_string(&script).expect("the folder has it");
        let mut lists = text
            .lines()
            .filter_map(|line| line.strip_prefix('(')?.strip_suffix(')'));
        let opening = lists.next().expect("the script begins with the opening");
        let published = Self {
            script,
            turns: turns.collect(),
            opening: opening.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        assert_eq!(published.turns.len(), 15);
        published
    }

    /// The input as lines.
    fn input(&self) -> String {
        let lines = self.turns.iter().map(|(input, _)| format!("{input}\n"));
        lines.collect()
    }

    /// Checks the opening and the answers byte for byte.
    #[track_caller]
    fn check(&self, output: &str, case: &str) {
        let answers = self.turns.iter().map(|(_, answer)| format!("{answer}\n"));
        let (opening, rest) = output.split_once('\n').expect("an opening");
        assert_eq!(opening, self.opening, "{case}");
        assert_eq!(rest, answers.collect::<String>(), "{case}");
    }
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn the_published_conversation_through_a_pipe() {
    let published = Published::read();
    let script = published.script.display();
    for command in ["talk --script", "script run"] {
        let output = stdout_of(&format!("$PROGRAM {command} {script}"), &published.input());
        published.check(&output, command);
    }
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn the_published_conversation_by_nc_under_every_model() {
    let published = Published::read();
    if !installed(&["nc.openbsd"]) {
        return;
    }
    let script = published.script.display();
    for model in MODELS {
        let server = Server::start(&format!("eliza --model {model} --script {script}"));
        let nc = format!("nc.openbsd -N localhost {}", server.port());
        // The second session starts over.
        for _ in 0..2 {
            published.check(&stdout_of(&nc, &published.input()), model);
        }
    }
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn the_published_conversation_over_udp() {
    let published = Published::read();
    let script = published.script.display();
    let server = Server::start_udp(&format!("eliza --script {script}"));
    let client = UdpClient::connect(&server);
    for (input, answer) in &published.turns {
        assert_eq!(client.ask(format!("{input}\n")), format!("{answer}\n"));
    }
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn two_clients_have_separate_conversations() {
    let published = Published::read();
    let script = published.script.display();
    for model in CONCURRENT_MODELS {
        let server = Server::start(&format!("eliza --model {model} --script {script}"));
        let mut clients = [server.connect(), server.connect()];
        for client in &mut clients {
            client.line();
        }
        for (input, answer) in &published.turns {
            for client in &mut clients {
                assert_eq!(client.ask(input), *answer, "{model}");
            }
        }
        for client in &mut clients {
            client.shutdown_write();
            assert_eq!(client.rest(), b"", "the script has no farewell");
        }
    }
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn the_published_script_has_no_warnings() {
    let published = Published::read();
    let script = published.script.display();
    let check = format!("$PROGRAM script check --deny-warnings {script}");
    assert_eq!(
        stdout_of(&check, ""),
        format!("{script}: 1966, 67 rules, no problems\n")
    );
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn trace_reports_each_turn_as_json() {
    let published = Published::read();
    let talk = format!(
        "$PROGRAM talk --json --script {}",
        published.script.display()
    );
    let output = stdout_of(&talk, &published.input());
    let objects: Vec<serde_json::Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(objects.len(), 16);
    assert_eq!(objects[0]["source"], "greeting");
    for (object, (input, answer)) in objects[1..].iter().zip(&published.turns) {
        assert_eq!(
            (&object["line"], &object["reply"]),
            (&input[..].into(), &answer[..].into())
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
    // The last reply is the one in memory.
    assert_eq!(objects[14]["memory"][0], objects[15]["reply"]);
}

#[test]
#[ignore = "needs SWITCHBOARD_ELIZA_1966"]
fn steps_shows_each_step() {
    let published = Published::read();
    let run = format!("$PROGRAM script run --steps {}", published.script.display());
    let (input, answer) = &published.turns[2];
    let output = stdout_of(&run, input);
    let lines: Vec<&str> = output.lines().collect();
    // This answer is the part of the input that it was made from.
    assert_eq!(lines[1..], [&format!("{answer} :MY"), answer], "{output}");
}
