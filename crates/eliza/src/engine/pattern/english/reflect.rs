//! Exchanges the first and second person: "I like your dog" becomes "you like my dog".
//!
//! English distinguishes subject and object only by position, so the neighbouring words decide
//! whether "you" becomes "I" or "me", and the verb follows its subject. These are heuristics over
//! word lists, not a grammar.

use std::borrow::Cow;
use std::ops::Range;

use super::lists::{
    ADVERBS, ASKING, AUXILIARIES, CLAUSE_OPENERS, DETERMINERS, FUNCTION_WORDS, HAVE_OR_BE, I,
    I_OR_ME, MIRROR, OBJECT_FOLLOWERS, PREPOSITIONS, SEEMING, SUBJECTS, WISHES, YOU, lists_of,
};
use crate::engine::pattern::normalize::Folded;
use crate::engine::pattern::word_lists::{List, Membership};

/// Reflects a part of a sentence. The words around the part decide ambiguous cases.
pub(super) fn reflect(sentence: &str, folded: &Folded, part: Range<usize>) -> String {
    let words = words(folded);
    let mut reflected = String::with_capacity(part.len() + 8);
    let mut done = part.start;
    for (index, word) in words.iter().enumerate() {
        if word.range.start < done || part.end < word.range.end {
            continue;
        }
        reflected.push_str(&sentence[done..word.range.start]);
        match turned(&words, index) {
            Some(turned) => reflected.push_str(&turned),
            None if index == 0 && word.lists.is_in(FUNCTION_WORDS) => {
                reflected.push_str(word.lower);
            }
            None => reflected.push_str(&sentence[word.range.clone()]),
        }
        done = word.range.end;
    }
    reflected + &sentence[done..part.end]
}

/// A word of a sentence, without punctuation around it.
struct Word<'a> {
    range: Range<usize>, // in the original sentence
    lower: &'a str,
    lists: Membership,
    joined: bool, // only a space separates it from the previous word
}

fn words(sentence: &Folded) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut start = 0;
    let mut last = None;
    for spaced in sentence.text().split(' ') {
        let core = spaced.trim_start_matches(|c: char| !c.is_alphanumeric());
        let begin = start + spaced.len() - core.len();
        let core = core.trim_end_matches(|c: char| !c.is_alphanumeric());
        let end = begin + core.len();
        start += spaced.len() + 1;
        if !core.is_empty() {
            words.push(Word {
                range: sentence.original(begin..end),
                lower: core,
                lists: lists_of(core),
                joined: last.is_some_and(|last| last + 1 == begin),
            });
            last = Some(end);
        }
    }
    words
}

/// The replacement of the word at `index`, if it changes.
fn turned(words: &[Word<'_>], index: usize) -> Option<Cow<'static, str>> {
    let here = words[index].lower;
    if is_both_of_us(words, index) {
        return (here == "you").then_some("you".into());
    }
    if here == "yourself" && is_anybody(words, index) {
        return None;
    }
    if let Some(&(_, turned)) = MIRROR.iter().find(|(word, _)| *word == here) {
        return Some(turned.into());
    }
    let you_before = || subject_before(words, index, YOU).filter(|&you| is_subject(words, you));
    let you_after =
        || after(words, index).filter(|&you| is(words, you, "you") && is_subject(words, you));
    let i_before = || subject_before(words, index, I);
    let i_after = || {
        after(words, index)
            .filter(|&i| is(words, i, "i") && subject_before(words, index, SUBJECTS).is_none())
    };
    let turned = match here {
        "you" if !is_subject(words, index) => "me",
        "you" if before(words, index).is_some_and(|verb| is(words, verb, "aren't")) => "I not",
        "you" => "I",
        "was" if i_before().or_else(i_after).is_some() => "were",
        "wasn't" if i_before().or_else(i_after).is_some() => "weren't",
        "are" if you_before().or_else(you_after).is_some() => "am",
        "aren't" if you_before().is_some() => "am not",
        "aren't" if you_after().is_some() => "am",
        // "If you were me" and "I wish you were" are subjunctives, not past tense.
        "were" | "weren't" if you_before().is_some_and(|you| is_wished(words, you)) => return None,
        "were" if you_before().or_else(you_after).is_some() => "was",
        "weren't" if you_before().or_else(you_after).is_some() => "wasn't",
        _ => return None,
    };
    Some(turned.into())
}

/// Whether the word at `index` is part of "you and I", which does not change. In "I love you and I
/// need you" the verb before it separates the two.
fn is_both_of_us(words: &[Word<'_>], index: usize) -> bool {
    let phrase = |start: usize| {
        words.get(start..start + 3).is_some_and(|phrase| {
            is(phrase, 0, "you") && is(phrase, 1, "and") && in_list(phrase, 2, I_OR_ME)
        }) && before(words, start).is_none_or(|previous| {
            [CLAUSE_OPENERS, PREPOSITIONS, AUXILIARIES]
                .iter()
                .any(|&list| in_list(words, previous, list))
        })
    };
    phrase(index) || index.checked_sub(2).is_some_and(phrase)
}

/// Whether the "yourself" at `index` is impersonal: "it is normal to talk to yourself".
fn is_anybody(words: &[Word<'_>], index: usize) -> bool {
    let earlier = &words[..index];
    let it = |word: &Word<'_>| ["it", "it's"].contains(&word.lower);
    earlier.iter().position(it).is_some_and(|it| {
        let has_to = earlier[it + 1..]
            .iter()
            .skip(1)
            .any(|word| word.lower == "to");
        has_to && !earlier.iter().any(|word| word.lower.starts_with("you"))
    })
}

/// Whether the "you" at `index` is the subject of its clause.
fn is_subject(words: &[Word<'_>], index: usize) -> bool {
    let previous = before(words, index);
    let earlier = previous.and_then(|previous| before(words, previous));
    let next = after_adverbs(words, index);
    let opens = previous.is_none_or(|previous| in_list(words, previous, CLAUSE_OPENERS));
    let object_follows = next.is_none_or(|next| in_list(words, next, OBJECT_FOLLOWERS));
    let Some(previous) = previous else {
        return after(words, index).is_some() && (index == 0 || !object_follows);
    };
    if in_list(words, previous, PREPOSITIONS) {
        return false;
    }
    if is(words, previous, "like") {
        // "I feel like you hate me", but "somebody like you".
        return !object_follows && earlier.is_some_and(|earlier| in_list(words, earlier, SEEMING));
    }
    if next.is_some_and(|next| in_list(words, next, AUXILIARIES)) {
        return true;
    }
    if in_list(words, previous, AUXILIARIES) {
        // "Are you there" is a question, but in "it is you" the verb has a subject already.
        let has_object = in_list(words, previous, HAVE_OR_BE);
        return subject_before(words, previous, SUBJECTS).is_none()
            && !(has_object && object_follows);
    }
    if next.is_some_and(|next| shares_subject(words, next)) {
        return opens;
    }
    // "The book you wrote": a noun and its clause.
    let after_noun = earlier.is_some_and(|earlier| in_list(words, earlier, DETERMINERS));
    !object_follows && (opens || after_noun)
}

/// Whether the word at `index` adds another person to the previous one: "you and your family".
fn shares_subject(words: &[Word<'_>], index: usize) -> bool {
    let follower = after(words, index);
    is(words, index, "and") && follower.is_some_and(|word| !in_list(words, word, SUBJECTS))
}

/// Whether the clause of the subject at `index` is a condition or a wish, not an indirect question:
/// "I wonder if you were there".
fn is_wished(words: &[Word<'_>], index: usize) -> bool {
    before(words, index).is_some_and(|opener| {
        let asks = before(words, opener).is_some_and(|verb| in_list(words, verb, ASKING));
        in_list(words, opener, WISHES) && !(is(words, opener, "if") && asks)
    })
}

/// The subject of the verb at `index`, if it is one of these pronouns and precedes the verb, with
/// only adverbs between.
fn subject_before(words: &[Word<'_>], index: usize, pronouns: List) -> Option<usize> {
    let mut at = before(words, index)?;
    while in_list(words, at, ADVERBS) {
        at = before(words, at)?;
    }
    in_list(words, at, pronouns).then_some(at)
}

/// The word before `index`, unless punctuation separates them.
fn before(words: &[Word<'_>], index: usize) -> Option<usize> {
    words[index].joined.then(|| index - 1)
}

fn after(words: &[Word<'_>], index: usize) -> Option<usize> {
    words.get(index + 1)?.joined.then_some(index + 1)
}

fn after_adverbs(words: &[Word<'_>], index: usize) -> Option<usize> {
    let mut at = after(words, index)?;
    while in_list(words, at, ADVERBS) {
        at = after(words, at)?;
    }
    Some(at)
}

fn is(words: &[Word<'_>], index: usize, word: &str) -> bool {
    words[index].lower == word
}

fn in_list(words: &[Word<'_>], index: usize, list: List) -> bool {
    words[index].lists.is_in(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, turned: &str) {
        assert_eq!(reflect(input, &Folded::new(input), 0..input.len()), turned);
    }

    /// Reflects only the text after `|`.
    #[track_caller]
    fn check_part(input: &str, turned: &str) {
        let start = input.find('|').expect("the part is marked");
        let sentence = input.replacen('|', "", 1);
        let folded = Folded::new(&sentence);
        assert_eq!(reflect(&sentence, &folded, start..sentence.len()), turned);
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
        check("it was I who called", "it was you who called");
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
        check("we lost our dog", "you lost your dog");
        check(
            "my son and I went to see our doctor",
            "your son and you went to see your doctor",
        );
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
        check("so do you", "so do I");
        check("I told my boss you lied", "you told your boss I lied");
        check("the book you wrote", "the book I wrote");
        check("people you like", "people I like");
        check("I do whatever you want", "you do whatever I want");
        check("you never", "I never");
        check("it is you I love", "it is me you love");
    }

    #[test]
    fn you_becomes_me_as_an_object() {
        check("you", "me");
        check("I love you", "you love me");
        check("I love you so much", "you love me so much");
        check("I want you to listen", "you want me to listen");
        check("people like you are rare", "people like me are rare");
        check("talk to you about my day", "talk to me about your day");
        check("he likes you, I think", "he likes me, you think");
        check("the problem is you", "the problem is me");
        check("I can't have you", "you can't have me");
        check("she had you worried", "she had me worried");
        check("I told you the truth", "you told me the truth");
        check("help you with your work", "help me with my work");
        check("I trust you, you know", "you trust me, I know");
        check("as tall as you", "as tall as me");
        check(
            "what happened to you was bad",
            "what happened to me was bad",
        );
        check("yours and mine", "mine and yours");
        check("you wash yourself", "I wash myself");
        check(
            "is it normal to talk to yourself",
            "is it normal to talk to yourself",
        );
        check("it's hard to be yourself", "it's hard to be yourself");
        check(
            "you find it hard to be yourself",
            "I find it hard to be myself",
        );
        check("keep it to yourself", "keep it to myself");
    }

    #[test]
    fn you_together_with_others() {
        check("that you and I are friends", "that you and I are friends");
        check("You and me", "you and me");
        check(
            "I hope you and your family are well",
            "you hope I and my family are well",
        );
        check(
            "I feel that you and my sister hate me",
            "you feel that I and your sister hate you",
        );
        check("I love you and my sister", "you love me and your sister");
        check("I love you and I need you", "you love me and you need me");
        check("between you and me", "between you and me");
    }

    #[test]
    fn a_subjunctive_is_not_past_tense() {
        check("wish you were here", "wish I were here");
        check("if you were me", "if I were you");
        check("I wish I were you", "you wish you were me");
        check("as if you were my boss", "as if I were your boss");
        check("know if you were there", "know if I was there");
        check("wondering if you were free", "wondering if I was free");
        check(
            "he asked me if you were there",
            "he asked you if I was there",
        );
    }

    #[test]
    fn the_words_around_a_part_decide() {
        check_part("I |wasn't happy", "weren't happy");
        check_part("I |was invited", "were invited");
        check_part("I love |you", "me");
        check_part("I feel like |you hate me", "I hate you");
        check_part("Peter says |The Hague", "The Hague");
        check_part("x|you", "you");
    }

    #[test]
    fn names_keep_their_capitals() {
        check("Paris", "Paris");
        check("The dog", "the dog");
        check("Peter and Mary", "Peter and Mary");
        check("HELP ME", "HELP you");
        check("\"I\", he said", "\"you\", he said");
        check("'mine'", "'yours'");
        check("I, me & my dog", "you, you & your dog");
    }
}
