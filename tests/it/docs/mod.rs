//! The documentation: links, commands with their output, quoted files and generated pages are true.

mod generated;
mod links;
mod output;
mod page;
mod ports;
mod runner;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use page::{Page, root};

#[test]
fn links_lead_to_files_and_headings() {
    let pages = Page::all();
    let broken: Vec<String> = pages.iter().flat_map(links::broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(
        links::unlisted(&pages),
        [""; 0],
        "each page is in docs/src/SUMMARY.md once"
    );
}

#[test]
fn commands_print_what_is_shown() {
    let (mut run, mut not_run, mut wrong) = (0, Vec::new(), Vec::new());
    for page in Page::all() {
        let report = runner::run(&page);
        run += report.run;
        not_run.extend(report.not_run);
        wrong.extend(report.wrong);
    }
    // `println` would be captured and shown only if the test fails.
    let (count, blocks) = (not_run.len(), not_run.join("\n"));
    writeln!(
        io::stderr(),
        "{run} commands were run; not run are {count} blocks:\n{blocks}"
    )
    .ok();
    assert!(
        wrong.is_empty(),
        "{} of {run} commands:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(not_run.len() < run / 4, "most of what is shown is run");
}

#[test]
fn tables_of_services_are_complete() {
    let services = generated::services();
    for page in Page::all() {
        if ["README.md", "docs/src/reference/services.md"]
            .map(Path::new)
            .contains(&&*page.path)
        {
            let rows = page
                .prose()
                .filter_map(|(_, line)| line.strip_prefix("| `"));
            let named: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
            for service in &services {
                assert!(
                    named.contains(&&**service),
                    "{}: {service}",
                    page.path.display()
                );
            }
        }
    }
}

#[test]
fn quoted_files_are_equal() {
    let mut quoted = 0;
    for page in Page::all() {
        for block in page.blocks() {
            let Some(path) = block.attribute("same-as") else {
                continue;
            };
            let file = fs::read_to_string(root().join(path)).expect("the file exists");
            let place = format!("{}:{}", page.path.display(), block.line);
            assert_eq!(block.text(), file, "{place}: {path}");
            quoted += 1;
        }
    }
    assert!(0 < quoted);
}

#[test]
fn the_command_line_page_is_current() {
    generated::check(generated::COMMAND_LINE, &generated::command_line());
}

#[test]
fn the_picture_of_a_terminal_is_current() {
    generated::check(generated::TERMINAL, &generated::terminal());
}
