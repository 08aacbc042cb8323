//! The programs in examples/.

use std::process::Command;

use crate::support::{CONCURRENT_MODELS, MODELS, Server, example, stdout_of, temp_dir};

/// Serves an example under a model.
fn serve(name: &str, model: &str) -> Server {
    let mut command = Command::new(example(name));
    Server::run(command.args(["-v", "serve", name, "--listen", "0", "--model", model]))
}

#[test]
fn rot13_is_short_and_served_by_every_model() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(root.join("examples/rot13.rs")).expect("it is there");
    assert!(source.lines().count() <= 15);
    for model in MODELS {
        let server = serve("rot13", model);
        let mut client = server.connect();
        assert_eq!(client.ask("Hello, World!"), "Uryyb, Jbeyq!");
        assert_eq!(client.ask("Uryyb"), "Hello");
    }
}

#[test]
fn counter_has_state_per_peer() {
    for model in MODELS {
        let server = serve("counter", model);
        let mut first = server.connect();
        assert_eq!(first.ask("a"), "1");
        assert_eq!(first.ask("b"), "2");
        drop(first);
        assert_eq!(server.connect().ask("c"), "1", "{model}");
    }
}

#[test]
fn relay_passes_lines_from_peer_to_peer() {
    for model in CONCURRENT_MODELS {
        let server = serve("relay", model);
        let mut first = server.connect();
        assert_eq!(first.line(), "0 others");
        let mut second = server.connect();
        assert_eq!(second.line(), "1 others");
        first.send("hello\n");
        assert_eq!(second.line(), "hello", "{model}");
        second.send("welcome\n");
        assert_eq!(first.line(), "welcome", "{model}");
    }
}

#[test]
fn a_program_of_its_own_has_its_own_name() {
    let rot13 = example("rot13");
    let folder = temp_dir();
    let run = |args: &str| stdout_of(&format!("{} {args}", rot13.display()), "");
    assert!(run("--version").starts_with("rot13 (switchboard "));
    assert_eq!(run("serve rot13 -V"), run("--version"));
    assert!(run("serve --help").contains("Usage: rot13 serve "));
    assert!(run("completions bash").contains("complete -F _rot13 "));
    assert!(run("completions fish").contains("complete -c rot13 "));
    run(&format!("man {}", folder.path().display()));
    assert!(folder.path().join("rot13-serve-rot13.1").exists());
}
