//! `man`: manual pages.

use std::fs;

use crate::support::files::names;
use crate::support::{installed, run_program, shell, stdout_of, temp_dir};

#[test]
fn every_command_and_service_has_a_page() {
    let folder = temp_dir();
    let pages = folder.path().join("new/pages");
    let shown = pages.display();
    let listed = stdout_of(&format!("$PROGRAM man {shown}"), "");
    let mut listed: Vec<_> = listed
        .lines()
        .map(|line| line.strip_prefix(&format!("{shown}/")).expect("a path"))
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, names(&pages));
    let services = stdout_of("$PROGRAM services", "");
    let services = services.lines().filter_map(|line| line.split(' ').next());
    let mut expected: Vec<String> = [
        "completions",
        "connect",
        "get",
        "list",
        "man",
        "put",
        "script",
        "script-check",
        "script-list",
        "script-run",
        "serve",
        "services",
        "talk",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(services.map(|service| format!("serve-{service}")))
    .map(|name| format!("switchboard-{name}.1"))
    .chain(["switchboard.1".to_owned()])
    .collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);

    let page = |name: &str| fs::read_to_string(pages.join(name)).expect("the page is text");
    let whole = page("switchboard.1");
    for name in &expected {
        let title = name.strip_suffix(".1").expect("it has a section");
        let title = title.to_uppercase();
        assert!(page(name).contains(&format!("\n.TH {title} 1 ")), "{name}");
    }
    for part in ["switchboard\\-serve(1)", "switchboard\\-get(1)"] {
        assert!(whole.contains(part), "{whole}");
    }
    let eliza = page("switchboard-serve-eliza.1");
    assert!(eliza.contains("\\-\\-script") && eliza.contains("\\-\\-listen"));
    for (name, line) in [
        (
            "serve-exec",
            "switchboard serve exec [OPTIONS] \\-\\- <PROGRAM ARGS>...",
        ),
        ("get", "switchboard get [OPTIONS] <ADDR> <NAME>..."),
        ("put", "switchboard put [OPTIONS] <ADDR> <FILE>..."),
        ("list", "switchboard ls [OPTIONS] <ADDR> [DIR]"),
    ] {
        let page = page(&format!("switchboard-{name}.1"));
        assert!(page.lines().any(|found| found == line), "{page}");
    }
    if installed(&["man"]) {
        let render = format!("for page in {shown}/*; do man --warnings -l $page; done");
        let output = shell(&render, b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.is_empty() && !output.stdout.is_empty(), "{stderr}");
    }
}

#[test]
fn pages_that_cannot_be_written_are_reported() {
    let (code, stdout, stderr) = run_program("man /dev/null/pages", "");
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(
        stderr.starts_with("switchboard: cannot write /dev/null/pages: "),
        "{stderr}"
    );
}
