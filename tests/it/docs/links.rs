//! Links between pages, and the outline of the manual.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::page::{Page, root};

/// What is wrong with the relative links of a page.
pub(super) fn broken(page: &Page) -> Vec<String> {
    let mut broken = Vec::new();
    for (number, line) in page.prose() {
        for link in links(line) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            if let Err(reason) = check(page, link) {
                broken.push(format!(
                    "{}:{number}: {link}: {reason}",
                    page.path.display()
                ));
            }
        }
    }
    broken
}

/// The targets of the links in a line; code in backticks has none.
fn links(line: &str) -> Vec<&str> {
    let outside_code = line.split('`').step_by(2);
    let after_text = outside_code.flat_map(|text| {
        // The link's own text may be code, which ends before `](`.
        text.split("](").skip(1)
    });
    after_text
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
        .collect()
}

fn check(page: &Page, link: &str) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let own = root().join(&page.path);
    let target = match path {
        "" => own,
        path => own.parent().expect("a page has a folder").join(path),
    };
    if !target.exists() {
        return Err("no such file".to_owned());
    }
    if anchor.is_empty() || anchors(&target).contains(anchor) {
        return Ok(());
    }
    Err("no such heading".to_owned())
}

/// The anchors of the headings of a page, as GitHub and mdBook make them.
fn anchors(path: &Path) -> HashSet<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = line
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                _ => c.is_alphanumeric().then(|| c.to_ascii_lowercase()),
            });
        kept.collect()
    };
    headings.map(anchor).collect()
}

/// The pages of the manual that its summary does not list exactly once.
pub(super) fn unlisted(pages: &[Page]) -> Vec<String> {
    let folder = Path::new("docs/src");
    let summary = pages
        .iter()
        .find(|page| page.path == folder.join("SUMMARY.md"));
    let summary = summary.expect("the manual has a summary");
    let listed: Vec<&str> = summary.prose().flat_map(|(_, line)| links(line)).collect();
    let pages = pages
        .iter()
        .filter_map(|page| page.path.strip_prefix(folder).ok());
    let pages = pages.filter(|path| *path != Path::new("SUMMARY.md"));
    let is_once = |path: &&Path| {
        listed
            .iter()
            .filter(|link| path == &Path::new(link))
            .count()
            == 1
    };
    pages
        .filter(|path| !is_once(path))
        .map(|path| path.display().to_string())
        .collect()
}
