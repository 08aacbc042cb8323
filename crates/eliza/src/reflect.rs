//! Turns what somebody said round, so that it can be said back: "I like your dog" becomes "you like
//! my dog".
//!
//! English tells subject from object only by position, so "you" becomes "I" or "me" by the words
//! beside it, and the verb follows its subject. These are rules of thumb over word lists, not a
//! grammar.

use std::borrow::Cow;

use crate::english::{
    ADVERBS, AUXILIARIES, CLAUSE_OPENERS, FUNCTION_WORDS, MIRROR, OBJECT_FOLLOWERS, PREPOSITIONS,
    SEEMING, WISHES, lists,
};

/// Turns `part` round. Where it `begins` the sentence, a first word that is no name loses its
/// capital.
pub(crate) fn reflect(part: &str, begins: bool) -> String {
    let words: Vec<Word<'_>> = part
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(Word::new)
        .collect();
    let mut reflected = String::with_capacity(part.len() + 8);
    for (index, word) in words.iter().enumerate() {
        if 0 < index {
            reflected.push(' ');
        }
        reflected.push_str(word.before);
        match turned(&words, index) {
            Some(turned) => reflected.push_str(&turned),
            None if index == 0 && begins && lists(FUNCTION_WORDS, &word.lower) => {
                reflected.push_str(&word.lower)
            }
            None => reflected.push_str(word.core),
        }
        reflected.push_str(word.after);
    }
    reflected
}

/// A word, and the punctuation around it.
struct Word<'a> {
    before: &'a str,
    core: &'a str,
    after: &'a str,
    lower: String,
}

impl<'a> Word<'a> {
    fn new(word: &'a str) -> Self {
        let punctuation = |c: char| !c.is_alphanumeric() && c != '\'';
        let core = word.trim_start_matches(punctuation);
        let (before, _) = word.split_at(word.len() - core.len());
        let core = core.trim_end_matches(punctuation);
        let after = &word[before.len() + core.len()..];
        Self {
            before,
            core,
            after,
            lower: core.to_lowercase(),
        }
    }
}

/// What the word at `index` becomes, if it changes at all.
fn turned(words: &[Word<'_>], index: usize) -> Option<Cow<'static, str>> {
    let here = words[index].lower.as_str();
    if is_both_of_us(words, index) {
        return None;
    }
    if let Some(&(_, turned)) = MIRROR.iter().find(|(word, _)| *word == here) {
        return Some(turned.into());
    }
    let you_before = || subject_before(words, index, "you").filter(|&you| is_subject(words, you));
    let you_after = || after(words, index).filter(|&next| words[next].lower == "you");
    let turned = match here {
        "you" if !is_subject(words, index) => "me",
        "you" if before(words, index).is_some_and(|verb| words[verb].lower == "aren't") => "I not",
        "you" => "I",
        "was" | "wasn't"
            if subject_before(words, index, "i").is_none() && !next_is(words, index, "i") =>
        {
            return None;
        }
        "was" => "were",
        "wasn't" => "weren't",
        "are" if you_before().or_else(you_after).is_some() => "am",
        "aren't" if you_before().is_some() => "am not",
        "aren't" if you_after().is_some() => "am",
        // "If you were me" and "I wish you were" are no statements about the past.
        "were" | "weren't" if you_before().is_some_and(|you| is_wished(words, you)) => return None,
        "were" if you_before().or_else(you_after).is_some() => "was",
        "weren't" if you_before().or_else(you_after).is_some() => "wasn't",
        _ => return None,
    };
    Some(turned.into())
}

/// Whether the word at `index` is part of "you and I", which is the same for both.
fn is_both_of_us(words: &[Word<'_>], index: usize) -> bool {
    let phrase = |start: usize| {
        let phrase = words.get(start..start + 3);
        phrase.is_some_and(|w| {
            w[0].lower == "you" && w[1].lower == "and" && ["i", "me"].contains(&w[2].lower.as_str())
        })
    };
    phrase(index) || index.checked_sub(2).is_some_and(phrase)
}

/// Whether the "you" at `index` is the subject of its clause.
fn is_subject(words: &[Word<'_>], index: usize) -> bool {
    let previous = before(words, index).map_or("", |previous| words[previous].lower.as_str());
    let next = after_adverbs(words, index).map_or("", |next| words[next].lower.as_str());
    let object_follows = next.is_empty() || lists(OBJECT_FOLLOWERS, next);
    if lists(PREPOSITIONS, previous) {
        return false;
    }
    if previous == "like" {
        // "I feel like you hate me", but "somebody like you".
        let earlier = before(words, index).and_then(|like| before(words, like));
        return earlier.is_some_and(|earlier| lists(SEEMING, &words[earlier].lower))
            && !object_follows;
    }
    if lists(AUXILIARIES, next) {
        return true;
    }
    if lists(AUXILIARIES, previous) {
        let has_object = ["have", "had", "is", "isn't", "was", "wasn't"].contains(&previous);
        return !(has_object && object_follows);
    }
    !object_follows && (previous.is_empty() || lists(CLAUSE_OPENERS, previous))
}

/// Whether the clause of the subject at `index` is a condition or a wish.
fn is_wished(words: &[Word<'_>], index: usize) -> bool {
    before(words, index).is_some_and(|previous| lists(WISHES, &words[previous].lower))
}

/// The subject `pronoun` of the verb at `index`, if it stands before it, with nothing but adverbs
/// between.
fn subject_before(words: &[Word<'_>], index: usize, pronoun: &str) -> Option<usize> {
    let mut at = before(words, index)?;
    while lists(ADVERBS, &words[at].lower) {
        at = before(words, at)?;
    }
    (words[at].lower == pronoun).then_some(at)
}

fn next_is(words: &[Word<'_>], index: usize, word: &str) -> bool {
    after(words, index).is_some_and(|next| words[next].lower == word)
}

/// The word before `index` in the same breath: no punctuation lies between.
fn before(words: &[Word<'_>], index: usize) -> Option<usize> {
    let previous = index.checked_sub(1)?;
    (words[previous].after.is_empty() && words[index].before.is_empty()).then_some(previous)
}

fn after(words: &[Word<'_>], index: usize) -> Option<usize> {
    let next = words.get(index + 1)?;
    (words[index].after.is_empty() && next.before.is_empty()).then_some(index + 1)
}

fn after_adverbs(words: &[Word<'_>], index: usize) -> Option<usize> {
    let mut at = after(words, index)?;
    while lists(ADVERBS, &words[at].lower) {
        at = after(words, at)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, turned: &str) {
        assert_eq!(reflect(said, true), turned);
    }

    #[test]
    fn i_becomes_you() {
        check("a holiday", "a holiday");
        check("I am unhappy", "you are unhappy");
        check("I'm not myself", "you're not yourself");
        check("My mother hates me", "your mother hates you");
        check("that book is mine", "that book is yours");
        check("I was happy with him", "you were happy with him");
        check("I never was happy", "you never were happy");
        check("I wasn't there", "you weren't there");
        check("was I wrong", "were you wrong");
        check("he was wrong", "he was wrong");
        check(
            "my brother was ill and I was not",
            "your brother was ill and you were not",
        );
        check("am I ill", "are you ill");
        check(
            "I've lost my keys, I'd say",
            "you've lost your keys, you'd say",
        );
        check("I'll be back", "you'll be back");
        check("if I were rich", "if you were rich");
        check("we lost our dog", "we lost our dog");
        check(
            "my boss Peter told me I was lazy",
            "your boss Peter told you you were lazy",
        );
        check("why I am unhappy", "why you are unhappy");
    }

    #[test]
    fn you_becomes_i_as_a_subject() {
        check("you are wrong", "I am wrong");
        check("you were wrong", "I was wrong");
        check("you weren't there", "I wasn't there");
        check("you aren't a person", "I am not a person");
        check("you're late", "I'm late");
        check("you've changed and you'll see", "I've changed and I'll see");
        check("are you ill", "am I ill");
        check("aren't you ill", "am I not ill");
        check("were you there", "was I there");
        check("you always are late", "I always am late");
        check("you really hate me", "I really hate you");
        check("you told me that you love me", "I told you that I love you");
        check("that you don't like me", "that I don't like you");
        check("afraid you don't like me", "afraid I don't like you");
        check("do you know", "do I know");
        check("what you mean", "what I mean");
        check("he said you lied", "he said I lied");
        check("he told me you lied", "he told you I lied");
        check("because you never listen", "because I never listen");
        check("everything you say", "everything I say");
        check("I feel like you hate me", "you feel like I hate you");
        check("if you were me", "if I were you");
        check("so do you", "so do I");
        check("that you and I are friends", "that you and I are friends");
    }

    #[test]
    fn you_becomes_me_as_an_object() {
        check("you", "me");
        check("I love you", "you love me");
        check("I love you so much", "you love me so much");
        check("I want you to listen", "you want me to listen");
        check("people like you", "people like me");
        check("talk to you about my day", "talk to me about your day");
        check("he likes you, I think", "he likes me, you think");
        check("the problem is you", "the problem is me");
        check("I can't have you", "you can't have me");
        check("I told you the truth", "you told me the truth");
        check("help you with your work", "help me with my work");
        check("I trust you, you know", "you trust me, I know");
        check("as tall as you", "as tall as me");
        check(
            "what happened to you was bad",
            "what happened to me was bad",
        );
        check("wish you were here", "wish I were here");
        check("yours and mine", "mine and yours");
        check("you wash yourself", "I wash myself");
    }

    #[test]
    fn names_keep_their_capitals() {
        check("Paris", "Paris");
        check("The dog", "the dog");
        check("Peter and Mary", "Peter and Mary");
        check("HELP ME", "HELP you");
        assert_eq!(reflect("The Hague", false), "The Hague");
        check("\"I\", he said", "\"you\", he said");
        check("I, me & my dog", "you, you & your dog");
    }
}
