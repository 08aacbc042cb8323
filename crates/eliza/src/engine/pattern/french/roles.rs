//! The grammatical roles of the words of a French sentence, by their position.

use super::lists::{
    CLITICS, FUNCTION_WORDS, INVERTED, NO_INFINITIVES, PREPOSITIONS, SUBJECTS, lists,
};
use super::verbs::{Person, is_formal};
use super::words::{Link, Word};

/// The person, if the word at `index` is a subject that changes.
pub(super) fn subject(words: &[Word], index: usize) -> Option<Person> {
    let previous = before(words, index);
    let person = match words[index].folded.as_str() {
        "j" | "je" => Person::I,
        "tu" => Person::You,
        "t" if is_familiar_subject(words, index) => Person::You,
        "vous" if is_formal_subject(words, index) => Person::Formal,
        "qui" => match words[previous?].folded.as_str() {
            "moi" => Person::I,
            "toi" => Person::You,
            "vous" => Person::Formal,
            _ => return None,
        },
        _ => return None,
    };
    Some(person)
}

/// Whether "t'" is short for "tu": "t'es", "t'as", but not in "tu t'es", "je t'en veux".
fn is_familiar_subject(words: &[Word], index: usize) -> bool {
    let has_subject = before(words, index).is_some_and(|previous| {
        let previous = words[previous].folded.as_str();
        lists(SUBJECTS, previous) || lists(CLITICS, previous)
    });
    let mut verb = after(words, index);
    while let Some(clitic) =
        verb.filter(|&clitic| ["y", "en", "l"].contains(&words[clitic].folded.as_str()))
    {
        verb = after(words, clitic);
    }
    let follows = words
        .get(index + 1)
        .is_some_and(|next| next.link == Link::Apostrophe);
    follows && !has_subject && verb.is_some_and(|verb| words[verb].folded.ends_with(['s', 'x']))
}

fn is_formal_subject(words: &[Word], index: usize) -> bool {
    if inverted(words, index).is_some() {
        return true;
    }
    let has_subject = before(words, index).is_some_and(|previous| {
        let previous = words[previous].folded.as_str();
        lists(SUBJECTS, previous) || lists(CLITICS, previous)
    });
    let mut verb = after(words, index);
    while let Some(clitic) = verb.filter(|&clitic| lists(CLITICS, &words[clitic].folded)) {
        verb = after(words, clitic);
    }
    // In "vous souvenez-vous" the subject follows the verb.
    let asks = |verb: usize| {
        let pronoun = words.get(verb + 1);
        pronoun.is_some_and(|pronoun| pronoun.link == Link::Hyphen && pronoun.folded == "vous")
    };
    !has_subject && verb.is_some_and(|verb| is_formal(&words[verb].folded) && !asks(verb))
}

/// The verb that precedes its subject at `index`: "es-tu", and "es tu" as many people type it.
pub(super) fn inverted(words: &[Word], index: usize) -> Option<usize> {
    let verb = before(words, index)?;
    let form = words[verb].folded.as_str();
    if words[index].link == Link::Hyphen {
        let fits = match words[index].folded.as_str() {
            "vous" => is_formal(form),
            "je" | "tu" => true,
            _ => false,
        };
        return fits.then_some(verb);
    }
    let mut earlier = before(words, verb);
    while let Some(clitic) = earlier.filter(|&clitic| lists(CLITICS, &words[clitic].folded)) {
        earlier = before(words, clitic);
    }
    let has_subject = earlier.is_some_and(|earlier| {
        lists(SUBJECTS, &words[earlier].folded) || words[earlier].folded == "vous"
    });
    let known = match words[index].folded.as_str() {
        "je" => ["ai", "suis", "vais", "dois"].contains(&form),
        "tu" => lists(INVERTED, form),
        "vous" => ["etes", "avez", "pouvez", "voulez", "allez", "savez"].contains(&form),
        _ => false,
    };
    (known && !has_subject).then_some(verb)
}

/// Whether the "vous" at `index` is an object before its verb: "je vous aime", "pour vous dire".
pub(super) fn is_clitic(words: &[Word], index: usize) -> bool {
    let Some(next) = after(words, index) else {
        return false;
    };
    let next = words[next].folded.as_str();
    let infinitive =
        ["er", "ir", "re"].iter().any(|end| next.ends_with(end)) && !lists(NO_INFINITIVES, next);
    match before(words, index).map(|previous| words[previous].folded.as_str()) {
        _ if is_formal(next) => true, // subjects are handled before, as in "vous souvenez-vous"
        Some(previous) if lists(SUBJECTS, previous) || lists(CLITICS, previous) => true,
        Some(previous) if lists(PREPOSITIONS, previous) => infinitive,
        Some(_) => infinitive || !lists(FUNCTION_WORDS, next) && !lists(PREPOSITIONS, next),
        None => false,
    }
}

/// The word before `index`, unless punctuation separates them.
pub(super) fn before(words: &[Word], index: usize) -> Option<usize> {
    (words[index].link != Link::None).then(|| index - 1)
}

pub(super) fn after(words: &[Word], index: usize) -> Option<usize> {
    (words.get(index + 1)?.link != Link::None).then_some(index + 1)
}
