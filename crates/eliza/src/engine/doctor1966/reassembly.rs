//! Makes sentences of words: replies, memories, and what rules go on with.

use std::slice;

use crate::engine::doctor1966::ast::Piece;
use crate::engine::doctor1966::charset::MOST_WORDS;
use crate::engine::doctor1966::hash::{last_cell, mid_square};
use crate::engine::doctor1966::response::Response;
use crate::interner::{Heard, Id};
use crate::trace::Step;

impl Response<'_> {
    /// Puts the words of a reply in the place of those that it is made from; not if they are too
    /// many.
    pub(super) fn rewrite(&mut self, pieces: &[Piece]) -> bool {
        let mut made = Vec::with_capacity(self.words.len());
        for &piece in pieces {
            made.extend_from_slice(self.piece(&piece));
            self.matcher.looks += 1;
            if MOST_WORDS < made.len() {
                return false;
            }
        }
        self.matcher.looks += made.len();
        self.words = made;
        let (words, heard) = (&self.words, &self.heard);
        self.steps.note(|| Step::Rewritten {
            words: texts(heard, words),
        });
        true
    }

    /// The text of a reply: as many of its words as have room in a reply.
    pub(super) fn say(&mut self, pieces: &[Piece]) -> String {
        let mut text = String::with_capacity(64);
        for &word in pieces.iter().flat_map(|piece| self.piece(piece)) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(self.heard.text(word));
            if MOST_REPLY_BYTES < text.len() {
                break;
            }
        }
        self.matcher.looks += pieces.len() + text.len();
        cut(text)
    }

    /// The words that a piece stands for.
    fn piece<'b>(&'b self, piece: &'b Piece) -> &'b [Id] {
        match piece {
            Piece::Word(word) => slice::from_ref(word),
            Piece::Part(part) => &self.words[self.matcher.parts()[*part].clone()],
        }
    }

    /// Keeps a sentence to tell later, if that transformation fits which the last word chooses.
    pub(super) fn remember(&mut self) {
        let script = self.script;
        let last = self.words.last().map_or("", |&word| self.heard.text(word));
        let choice = usize::try_from(mid_square(last_cell(last), 2)).expect("it has two bits");
        let (pattern, pieces) = &script.memory.transformations[choice];
        if !self.matcher.fit(&pattern.terms, &self.words) {
            self.steps.note(|| Step::NotRemembered {
                pattern: script.source.written(&pattern.at),
            });
        } else if self.state.can_remember() {
            let text = self.say(pieces);
            self.steps.note(|| Step::Remembered { text: text.clone() });
            self.state.remember(text);
        }
    }
}

/// The words of these ids.
pub(super) fn texts(heard: &Heard<'_>, words: &[Id]) -> Vec<String> {
    words
        .iter()
        .map(|&word| heard.text(word).to_owned())
        .collect()
}

/// `text`, without the words for which a reply has no room.
pub(super) fn cut(mut text: String) -> String {
    if MOST_REPLY_BYTES < text.len() {
        let room = text.floor_char_boundary(MOST_REPLY_BYTES);
        let ends_word = text[room..].starts_with(' ');
        text.truncate(room);
        if let Some(end) = text.rfind(' ').filter(|_| !ends_word) {
            text.truncate(end);
        }
    }
    text
}

/// A reply has as many bytes at most, as a part of the line may come back many times.
pub(super) const MOST_REPLY_BYTES: usize = 4 * 1024;
