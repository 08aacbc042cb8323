//! The programs in examples/.

use std::process::Command;

use crate::support::{MODELS, Server, example};

#[test]
fn rot13_is_short_and_served_by_every_model() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(root.join("examples/rot13.rs")).expect("it is there");
    assert!(source.lines().count() <= 30);
    for model in MODELS {
        let mut command = Command::new(example("rot13"));
        let server =
            Server::run(command.args(["-v", "serve", "rot13", "--listen", "0", "--model", model]));
        let mut client = server.connect();
        assert_eq!(client.ask("Hello, World!"), "Uryyb, Jbeyq!");
        assert_eq!(client.ask("Uryyb"), "Hello");
    }
}
