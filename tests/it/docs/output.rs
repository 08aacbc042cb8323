//! Output as it is shown, with gaps where it varies.

/// Whether these lines were printed: all of them if `whole`, else the first ones. A shown line `...`
/// stands for any lines.
pub(super) fn matches(shown: &[&str], printed: &[&str], whole: bool) -> bool {
    match (shown, printed) {
        ([], _) => !whole || printed.is_empty(),
        (["...", shown @ ..], _) => {
            (0..=printed.len()).any(|skipped| matches(shown, &printed[skipped..], whole))
        }
        ([line, shown @ ..], [first, printed @ ..]) => {
            line_matches(line, first) && matches(shown, printed, whole)
        }
        (_, []) => false,
    }
}

/// Whether this line was printed; `…` stands for any text.
fn line_matches(shown: &str, printed: &str) -> bool {
    let mut pieces = shown.trim_end().split('…');
    let printed = printed.trim_end();
    let Some(mut rest) = printed.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut is_open = false; // a `…` was before
    let mut pieces: Vec<&str> = pieces.collect();
    let last = pieces.pop();
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else {
            return false;
        };
        rest = after;
    }
    if let Some(last) = last {
        is_open = true;
        rest = match rest.strip_suffix(last) {
            Some(rest) => rest,
            None => return false,
        };
    }
    is_open || rest.is_empty()
}

#[test]
fn shown_output_may_have_gaps() {
    assert!(line_matches("a … c … e", "a b c d e"));
    assert!(line_matches("plain", "plain "));
    for (shown, printed) in [
        ("a … c", "a b"),
        ("plain", "plainer"),
        ("a … b … b", "a x b"),
    ] {
        assert!(!line_matches(shown, printed), "{shown}: {printed}");
    }
    assert!(matches(&["a", "...", "c"], &["a", "b", "b", "c"], true));
    assert!(!matches(&["a"], &["a", "b"], true) && matches(&["a"], &["a", "b"], false));
    assert!(!matches(&["a"], &[], false));
}
