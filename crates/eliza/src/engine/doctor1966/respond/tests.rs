use super::*;
use crate::engine::doctor1966::parse;
use crate::engine::{Engine, Responder as _};

fn script() -> Arc<Script> {
    let text = "(WELCOME ; (to the) \n\"here\" 4 you) START
        (NONE ((0) (ONE) (TWO) (THREE)))
        (SHIP ((0) (AHOY) (AYE)))
        (MEMORY SHIP (0 = A) (0 = B) (0 = C) (0 = D))";
    Arc::new(parse(text).expect("it is a script"))
}

fn reply(talk: &mut dyn engine::Responder, line: &str) -> String {
    talk.respond(line, &mut Steps::default()).text
}

#[test]
fn there_is_a_greeting_but_no_farewell() {
    let mut talk = Responder::new(script());
    assert_eq!(talk.greet().as_deref(), Some("WELCOME HERE 4 YOU"));
    assert_eq!(talk.farewell(), None);
    let silent = "() (NONE ((0) (1))) (A ((0) (1))) (MEMORY A (0 = 1) (0 = 1) (0 = 1) (0 = 1))";
    let script = parse(silent).expect("it is a script");
    assert_eq!(Responder::new(Arc::new(script)).greet(), None);
}

#[test]
fn conversations_share_only_the_script() {
    let script = script();
    let (mut one, mut other) = (Arc::clone(&script).begin(1), script.begin(2));
    assert_eq!(
        ["x", "ship", "ship", "y"].map(|line| reply(&mut *one, line)),
        ["ONE", "AHOY", "AYE", "TWO"]
    );
    assert_eq!(one.memory().len(), 2);
    assert_eq!(other.memory().len(), 0);
    assert_eq!(
        ["x", "y", "z", "ship"].map(|line| reply(&mut *other, line)),
        ["ONE", "TWO", "THREE", "AHOY"]
    );
}

/// The memory of a conversation, without its script.
fn bytes(talk: &Responder) -> usize {
    size_of::<Responder>() + talk.state.allocated_bytes()
}

#[test]
fn an_idle_conversation_is_small() {
    // A few more transformations than the published script has.
    let rules: String = (0..100).map(|n| format!("(K{n} ((0) (A) (B)))")).collect();
    let text = format!(
        "() {rules} (NONE ((0) (GO ON) (WELL)))
        (MEMORY K0 (0 = SAY MORE OF 1) (0 = WHAT OF 1) (0 = YOU SAID 1) (0 = BUT 1))"
    );
    let mut talk = Responder::new(Arc::new(parse(&text).expect("it is a script")));
    assert!(bytes(&talk) <= 128);
    for _ in 0..12 {
        let _ = reply(
            &mut talk,
            "what do you know about all of my k0 and its many friends",
        );
    }
    assert_eq!(talk.memory().len(), 12);
    assert!(bytes(&talk) <= 2048, "{}", bytes(&talk));
    for _ in 0..100 {
        let _ = reply(&mut talk, &format!("k0 {}", "word ".repeat(1000)));
    }
    assert!(bytes(&talk) <= 12 * 1024, "{}", bytes(&talk));
}
