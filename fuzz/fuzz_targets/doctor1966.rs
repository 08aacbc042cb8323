//! Scripts of 1966 and input lines: a script is rejected with positions inside the text, or it
//! gives replies of bounded length.
#![no_main]

use libfuzzer_sys::{arbitrary, fuzz_target};
use switchboard_eliza::{Conversation, Script};

/// A piece of a script. Texts made of pieces are often almost valid.
#[derive(Debug, arbitrary::Arbitrary)]
enum Piece<'a> {
    Opening,
    Memory(u8),
    Nothing,
    Substitute(u8, u8),
    Tags(u8, u8),
    Refer(u8, u8),
    Transform(u8, Vec<Term>, Vec<Does>),
    Mark(u8),
    Text(&'a str),
}

#[derive(Debug, arbitrary::Arbitrary)]
enum Term {
    Number(u8),
    Word(u8),
    OneOf(u8, u8),
    Tag(u8),
}

#[derive(Debug, arbitrary::Arbitrary)]
enum Does {
    Say(Vec<u8>),
    Refer(u8),
    NewKey,
    Rewrite(Vec<u8>, u8),
}

/// One of a few words, so that they match each other. Some are keywords of the format.
fn word(choice: u8) -> &'static str {
    ["A", "b", "C", "D", "none", "but", "é", "-"][usize::from(choice % 8)]
}

fn term(term: &Term) -> String {
    match *term {
        Term::Number(number) => (number % 4).to_string(),
        Term::Word(choice) => word(choice).to_owned(),
        Term::OneOf(one, other) => format!("(*{} {})", word(one), word(other)),
        Term::Tag(tag) => format!("(/{})", word(tag)),
    }
}

fn pieces(pieces: &[u8]) -> String {
    let piece = |&piece: &u8| match piece {
        0..128 => (1 + piece % 3).to_string(),
        _ => word(piece).to_owned(),
    };
    pieces.iter().map(piece).collect::<Vec<_>>().join(" ")
}

fn does(does: &Does) -> String {
    match does {
        Does::Say(said) => format!("({})", pieces(said)),
        Does::Refer(to) => format!("(={})", word(*to)),
        Does::NewKey => "(NEWKEY)".to_owned(),
        Does::Rewrite(made, to) => format!("(PRE ({}) (={}))", pieces(made), word(*to)),
    }
}

fn written(piece: &Piece<'_>) -> String {
    match piece {
        Piece::Opening => "(HELLO)\nSTART\n".to_owned(),
        Piece::Memory(choice) => {
            format!(
                "(MEMORY {} {})\n",
                word(*choice),
                "(0 A 0 = 1 B 3)".repeat(4)
            )
        }
        Piece::Nothing => "(NONE ((0) (ELSE 1)))\n".to_owned(),
        Piece::Substitute(choice, by) => format!("({} = {})\n", word(*choice), word(*by)),
        Piece::Tags(choice, tag) => format!("({} DLIST(/{}))\n", word(*choice), word(*tag)),
        Piece::Refer(choice, to) => format!("({} {} (={}))\n", word(*choice), to, word(*to)),
        Piece::Transform(choice, terms, replies) => {
            let terms: Vec<_> = terms.iter().map(term).collect();
            let replies: String = replies.iter().map(does).collect();
            format!("({} (({}) {replies}))\n", word(*choice), terms.join(" "))
        }
        Piece::Mark(mark) => ["(", ")", "=", "\n", " ; ", "0"][usize::from(mark % 6)].to_owned(),
        Piece::Text(text) => (*text).to_owned(),
    }
}

fuzz_target!(|input: (Vec<Piece<'_>>, Vec<&str>)| {
    let (pieces, lines) = input;
    let text: String = pieces.iter().map(written).collect();
    match Script::load(&text) {
        Ok(script) => {
            assert!(script.lint().len() <= 100 || script.format().to_string() != "1966");
            let mut talk = Conversation::new(&script, 1);
            for line in &lines {
                let (reply, trace) = talk.reply_traced(line);
                assert!(reply.text.len() <= 4 * 1024);
                assert!(!reply.text.chars().any(char::is_control));
                assert!(trace.memory.len() <= 64);
            }
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            for problem in error.problems() {
                let line = text.split('\n').flat_map(|line| line.split('\r')).count();
                assert!((1..=line).contains(&problem.line) && 1 <= problem.column);
            }
        }
    }
});
