//! Removes phrases that do not change the meaning of a sentence from its start and end.

use std::sync::LazyLock;

use regex::Regex;

use crate::engine::pattern::language::ignoring_case;

/// What is removed, compiled once.
struct Patterns {
    tail: Regex,
    joining: Regex,
    time: Regex,
    subject: Regex, // must follow the time
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    tail: ignoring_case(concat!(
        r"(?:,? (?:please|or not|lol|lmao|haha|hehe|xd|though|to be honest|right now|eliza|or something|i guess)",
        r"|, (?:thanks|thank you)(?: (?:very|so) much| a lot)?",
        r"|, (?:right|ok|okay|huh|eh|you know|you see|man|dude|bro|mate|doctor|my friend|darling|dear|mind you|mind|of course",
        r"|actually|anyway|honestly|basically|i (?:suppose|guess|think|believe|fear|mean|know|swear|bet)|they say|(?:he|she|people) says?)",
        r"|, (?:am|are|is|was|were|do|does|did|have|has|had|can|could|will|would|shall|should",
        r"|must|wo|ca|ai)(?:n't)? (?:i|you|he|she|it|we|they|there))+$",
    )),
    joining: ignoring_case(concat!(
        r"^(?:(?:and|but|so|then|honestly|actually|really|also|anyway|anyways|plus|besides|basically",
        r"|um|uh|hm+|well|oh|ah|ok|okay|please|by the way|to be honest|in fact|i mean|oh my god),? ",
        r"|(?:look|listen|hey|hello|hi|yes|yeah|no|man|dude|eliza|god)(?: there| eliza)?, )+",
    )),
    time: ignoring_case(concat!(
        r"^(?:today|yesterday|tonight|now|lately|recently|sometimes|usually|yes|yeah|yep|no|nope|nah",
        r"|hi|hello|hey|lol|at least|like|honestly|apparently|of course|sure|unfortunately|finally|suddenly",
        r"|(?:last|this|every) \w+),? ",
    )),
    subject: ignoring_case(r"^(?:i|my|you|it|he|she|we|they|there)(?:'\w+)? ."),
});

/// Compiles the patterns.
pub(super) fn prepare() {
    LazyLock::force(&PATTERNS);
}

/// The sentence without closing phrases ("please", "thanks") and questions ("are you?"). Never
/// empty.
pub(super) fn without_tail(sentence: &str) -> &str {
    let tail = PATTERNS.tail.find(sentence);
    tail.map_or(sentence, |tail| &sentence[..tail.start()])
}

/// The clause without words that join it to the previous one ("and", "well,") and without a leading
/// time ("yesterday I"). Never empty.
pub(super) fn without_head(clause: &str) -> &str {
    let joining = PATTERNS.joining.find(clause);
    let clause = joining.map_or(clause, |head| &clause[head.end()..]);
    let time = PATTERNS.time.find(clause);
    let rest = time.map(|time| &clause[time.end()..]);
    rest.filter(|rest| PATTERNS.subject.is_match(rest))
        .unwrap_or(clause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sentence: &str, left: &str) {
        assert_eq!(without_head(without_tail(sentence)), left);
    }

    #[test]
    fn closing_phrases_are_removed() {
        check("You're not listening, are you", "You're not listening");
        check("it was nice, wasn't it", "it was nice");
        check("he can't come, can he", "he can't come");
        check("you won't tell, will you", "you won't tell");
        check("I'm fine, thanks", "I'm fine");
        check("I'm fine, thank you very much", "I'm fine");
        check("Can you help me, please", "Can you help me");
        check("help me please", "help me");
        check("Will you come or not", "Will you come");
        check("I trust you, you know", "I trust you");
        check("it felt good, actually", "it felt good");
    }

    #[test]
    fn opening_words_are_removed() {
        check("And why", "why");
        check("Well, but I am sad", "I am sad");
        check("Hello there, my mother hates me", "my mother hates me");
        check("Today I was ill", "I was ill");
        check("at least it was warm", "it was warm");
    }

    #[test]
    fn a_sentence_is_never_emptied() {
        for whole in [
            "please", "thanks", "are you", "hello", "well", "so", "Sorrow",
        ] {
            check(whole, whole);
        }
        check("No, thanks", "No");
        check("Yesterday was fine", "Yesterday was fine");
    }
}
