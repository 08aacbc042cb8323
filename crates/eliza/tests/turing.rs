//! The machines of the built-in script `turing`, compared with arithmetic and with a Turing machine
//! in Rust.

use std::collections::BTreeMap;

use switchboard_eliza::{Conversation, Format, Reply, Script, Source, Step};

/// The reply to a line.
fn answer(line: &str) -> String {
    let Reply { text, last } = Conversation::new(&machines(), 1).reply(line);
    assert!(!last);
    text
}

fn machines() -> Script {
    Script::named("turing")
        .expect("it is built in")
        .expect("it compiles")
}

fn spaced(tape: &str) -> String {
    let cells: Vec<_> = tape.chars().map(String::from).collect();
    cells.join(" ")
}

#[test]
fn it_is_a_1966_script_without_warnings() {
    assert_eq!(machines().format(), Format::Doctor1966);
    assert_eq!(machines().lint(), []);
    assert!(Script::NAMES.contains(&"turing"));
}

#[test]
fn numbers_are_incremented() {
    let tape = |number: u32, width| {
        spaced(
            &format!("{number:0width$b}")
                .replace('0', "O")
                .replace('1', "I"),
        )
    };
    for width in [1, 4, 9] {
        for number in 0..100 {
            let input = format!("Please increment {}", tape(number, width).to_lowercase());
            assert_eq!(
                answer(&input),
                tape(number + 1, width),
                "{number} in {width}"
            );
        }
    }
    assert_eq!(
        answer(&format!("increment {}", "I ".repeat(300))),
        format!("I{}", " O".repeat(300))
    );
    assert_eq!(answer("increment"), "I");
    assert_eq!(answer("increment I X"), "A NUMBER IS MADE OF I AND O");
}

#[test]
fn palindromes_are_found() {
    for length in 0..=8 {
        for number in 0..1u32 << length {
            let word: String = (0..length)
                .map(|at| if number >> at & 1 == 0 { 'A' } else { 'B' })
                .collect();
            let is_palindrome = word.chars().eq(word.chars().rev());
            let expected = if is_palindrome { "YES" } else { "NO" };
            assert_eq!(
                answer(&format!("palindrome {}", spaced(&word))),
                expected,
                "{word}"
            );
        }
    }
    assert_eq!(
        answer(&format!("palindrome {}", spaced(&"ABBA".repeat(20)))),
        "YES"
    );
    // More than seven thousand of the ten thousand steps that are allowed.
    assert_eq!(answer(&format!("palindrome {}", "A ".repeat(120))), "YES");
    assert_eq!(answer("palindrome A C A"), "IT IS MADE OF A AND B");
}

/// The tape of the busy beaver from the first to the last mark, and its number of steps.
fn beaver() -> (String, usize) {
    let (mut tape, mut at, mut state, mut steps) = (BTreeMap::new(), 0, 'A', 0);
    while state != 'H' {
        let is_marked = tape.get(&at).copied().unwrap_or(false);
        let (marks, way, next) = match (state, is_marked) {
            ('A', false) => (true, 1, 'B'),
            ('A', true) => (true, -1, 'B'),
            ('B', false) => (true, -1, 'A'),
            ('B', true) => (false, -1, 'C'),
            ('C', false) => (true, 1, 'H'),
            ('C', true) => (true, -1, 'D'),
            (_, false) => (true, 1, 'D'),
            (_, true) => (false, 1, 'A'),
        };
        tape.insert(at, marks);
        at += way;
        state = next;
        steps += 1;
    }
    let cells: String = tape
        .values()
        .map(|&is_marked| if is_marked { 'I' } else { 'O' })
        .collect();
    (cells.trim_matches('O').to_owned(), steps)
}

#[test]
fn the_busy_beaver_takes_its_known_steps() {
    let (tape, steps) = beaver();
    assert_eq!((tape.matches('I').count(), steps), (13, 107));
    let (reply, trace) = Conversation::new(&machines(), 1).reply_traced("beaver");
    assert_eq!(reply.text.replace(' ', "").trim_matches('O'), tape);
    assert_eq!(trace.source, Source::Rule);
    // Each match is a step, except the first one and those that extend the tape.
    let is_pad = |reply: &str| reply.starts_with("(PRE (O ") || reply.contains(" O) (=");
    let gone = trace
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Matched { reply, .. } if !is_pad(reply)));
    assert_eq!(gone.count(), steps);
}

#[test]
fn a_too_long_tape_does_not_end_the_conversation() {
    let mut talk = Conversation::new(&machines(), 1);
    let (_, trace) = talk.reply_traced(&format!("palindrome {}", "A ".repeat(900)));
    assert_eq!(trace.source, Source::Exhausted);
    assert_eq!(talk.reply("palindrome a").text, "YES");
}
