//! Some hundreds of ordinary sentences.

/// `lines` lines: about six hundred different ones, repeated in a fixed mixed order.
#[must_use]
pub fn sentences(lines: usize) -> Vec<u8> {
    let different = different();
    let mut input = Vec::new();
    let mut place = 0;
    for _ in 0..lines {
        // The step is a prime, so every line is used.
        place = (place + 100_003) % different.len();
        input.extend_from_slice(different[place].as_bytes());
        input.push(b'\n');
    }
    input
}

/// Single sentences, and each beginning with each end.
fn different() -> Vec<String> {
    let mut all: Vec<String> = ALONE.iter().map(|&line| line.to_owned()).collect();
    for begin in BEGINNINGS {
        all.extend(ENDS.iter().map(|end| format!("{begin} {end}")));
    }
    for who in PEOPLE {
        all.extend(PREDICATES.iter().map(|deed| format!("{who} {deed}")));
    }
    for begin in QUESTIONS {
        all.extend(ASKED.iter().map(|end| format!("{begin} {end}?")));
    }
    all
}

const BEGINNINGS: [&str; 16] = [
    "I need",
    "I want",
    "I would like",
    "I can't find",
    "I dream of",
    "I often think about",
    "I'm tired of",
    "I am worried about",
    "I remember",
    "I forgot",
    "I don't understand",
    "It all began with",
    "Yesterday I lost",
    "Perhaps I should give up",
    "You talk too much about",
    "Well, nobody here cares about",
];

const ENDS: [&str; 18] = [
    "a holiday.",
    "some rest",
    "a new job, and soon",
    "my old bicycle.",
    "the house by the river",
    "a cup of coffee",
    "the noise of the neighbours.",
    "my exams",
    "a friend who listens to me",
    "the train that is always late.",
    "what you told me last week",
    "the garden of my parents",
    "a walk in the rain",
    "all these letters from the bank.",
    "the evenings with you",
    "that picture of us",
    "more time for myself, that much is certain.",
    "the computer",
];

const PEOPLE: [&str; 10] = [
    "My mother",
    "My father",
    "My little sister",
    "My boss",
    "The man next door",
    "Everybody at work",
    "Nobody",
    "My husband",
    "A friend of mine",
    "The whole family",
];

const PREDICATES: [&str; 14] = [
    "never calls me",
    "laughs at me when I sing.",
    "thinks that I am lazy",
    "came to see us on Sunday",
    "wants me to move to the city.",
    "is always right",
    "does not like you",
    "takes care of the cats",
    "forgot my birthday again!",
    "says you are only a program",
    "was ill for most of the winter",
    "told me to talk to you about it.",
    "makes me angry",
    "has bought a boat, of all things",
];

const QUESTIONS: [&str; 11] = [
    "Are you",
    "Can you be",
    "Why are you",
    "Do you think I am",
    "Was I",
    "How can I stop being",
    "Why can't I be",
    "Is it wrong to be",
    "What if I were",
    "Could we both be",
    "Who is",
];

const ASKED: [&str; 12] = [
    "happy",
    "afraid of the dark",
    "a good listener",
    "sorry for what was said",
    "always so polite",
    "unkind to my brother",
    "in love with somebody else",
    "too old to learn the piano",
    "a machine",
    "awake at four in the morning",
    "proud of me",
    "alone",
];

const ALONE: [&str; 26] = [
    "Hello",
    "Hi there!",
    "Good evening.",
    "yes",
    "No.",
    "maybe",
    "I don't know",
    "Because it was raining.",
    "because you asked me",
    "Always.",
    "I feel fine, thank you.",
    "I'm sorry",
    "The weather has been dreadful all week.",
    "Tomatoes are red, aren't they?",
    "It is late. I should go to bed. Why am I still here?",
    "We had soup for dinner, and nobody said a word.",
    "what do you mean",
    "Forty-two",
    "hmm...",
    "They closed the library in our street.",
    "I had a dream in which my mother was a bird and could not land.",
    "You are like my father in some ways, but you do not shout.",
    "I'd rather not say.",
    "it doesn't matter",
    "Tell me something about yourself.",
    "That is none of your business!",
];
