//! One talk with the friend: what was said last, what is remembered, and chance.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::engine::{self, Answer};
use crate::friend::pattern::{Parts, Pattern};
use crate::friend::said::{Said, Sentence};
use crate::friend::script::{Candidate, Replies, Rule, Script, Topic};
use crate::friend::template::{Template, capitalized};
use crate::trace::{Source, Step, Steps};

/// A talk with one person. Never the same reply twice running, unless the script has a single one.
#[derive(Debug)]
pub(crate) struct Talk {
    script: Arc<Script>,
    chance: SmallRng,
    last: String,
    recent: VecDeque<usize>, // the numbers of the latest templates, the oldest first
    learnt: Vec<Option<String>>,
    memory: VecDeque<String>,
    since: u8, // turns since the last one was added, or some more than enough
    topic: Option<(usize, u8)>, // and for how many turns
}

impl Talk {
    pub(crate) fn new(script: Arc<Script>, seed: u64) -> Self {
        Self {
            chance: SmallRng::seed_from_u64(seed),
            last: String::new(),
            recent: VecDeque::with_capacity(RECENT),
            learnt: vec![None; script.names.len()],
            memory: VecDeque::new(),
            since: 0,
            topic: None,
            script,
        }
    }

    /// By a rule, or by what was talked about before, or by words that fit everything.
    fn answer(&mut self, sentences: &[Sentence<'_>], steps: &mut Steps) -> (String, Source) {
        let script = Arc::clone(&self.script);
        let candidates = script.candidates(sentences);
        if let Some(text) = self.by_rule(&script, sentences, &candidates, false, steps) {
            return (text, Source::Rule);
        }
        if let Some(text) = self.by_topic(&script) {
            return (text, Source::Topic);
        }
        if let Some(text) = self.by_memory() {
            return (text, Source::Memory);
        }
        match self.by_rule(&script, sentences, &candidates, true, steps) {
            Some(text) => (text, Source::Rule),
            None => (self.say_any(&script.otherwise), Source::Fallback),
        }
    }

    /// By the first rule that knows one of the sentences, and has something new to say to it.
    fn by_rule(
        &mut self,
        script: &Script,
        sentences: &[Sentence<'_>],
        candidates: &[Candidate],
        weak: bool,
        steps: &mut Steps,
    ) -> Option<String> {
        let topic = self.topic.map(|(topic, _)| topic);
        for candidate in candidates {
            let rule = &script.rules[usize::from(candidate.rule)];
            let sentence = &sentences[usize::from(candidate.sentence)];
            let pattern = rule.patterns.get(usize::from(candidate.pattern));
            if rule.weak != weak || rule.within.is_some() && rule.within != topic {
                continue;
            }
            let Some(parts) = captured(rule, pattern, sentence) else {
                continue;
            };
            self.learn(script, rule, sentence, &parts, steps);
            let part = |index: usize| script.language.reflect(sentence.text, parts[index].clone());
            let Some((text, template)) = self.say(&rule.replies, part) else {
                continue;
            };
            steps.note(|| Step::Matched {
                keyword: rule.topic.map(|topic| script.topics[topic].name.clone()),
                line: rule.line,
                pattern: pattern.map_or_else(String::new, |pattern| pattern.written().to_owned()),
                parts: parts
                    .iter()
                    .map(|part| sentence.text[part.clone()].to_owned())
                    .collect(),
                reply: template.written().to_owned(),
            });
            self.remember(rule, part, steps);
            self.turn_to(script, rule, steps);
            return Some(text);
        }
        None
    }

    /// Learns what the rule is there to learn, so that its own replies may use it.
    fn learn(
        &mut self,
        script: &Script,
        rule: &Rule,
        sentence: &Sentence<'_>,
        parts: &[Range<usize>],
        steps: &mut Steps,
    ) {
        let Some(index) = rule.learn else { return };
        let value = &sentence.text[parts[0].clone()];
        if value.len() <= MOST_LEARNT_BYTES {
            let value = capitalized(value);
            steps.note(|| Step::Learnt {
                what: script.names[index].clone(),
                value: value.clone(),
            });
            self.learnt[index] = Some(value);
        }
    }

    /// Remembers what the rule wants to come back to.
    fn remember(&mut self, rule: &Rule, part: impl Fn(usize) -> String, steps: &mut Steps) {
        let template = rule.remember.templates.choose(&mut self.chance);
        let text = template.and_then(|template| template.fill(part, &self.learnt));
        let Some(text) = text.filter(|text| text.len() <= MOST_REMEMBERED_BYTES) else {
            return;
        };
        steps.note(|| Step::Remembered { text: text.clone() });
        if self.memory.len() == REMEMBERED {
            self.memory.pop_front();
        }
        self.memory.push_back(text);
        self.since = 0;
    }

    /// Goes over to the topic of the rule, or on with it.
    fn turn_to(&mut self, script: &Script, rule: &Rule, steps: &mut Steps) {
        let Some(topic) = rule.topic.or(rule.within) else {
            return;
        };
        let Topic { name, turns, .. } = &script.topics[topic];
        steps.note(|| Step::Topic { name: name.clone() });
        self.topic = Some((topic, turns.saturating_add(1))); // this turn is counted, too
    }

    /// Another question about what the talk is about.
    fn by_topic(&mut self, script: &Script) -> Option<String> {
        let (topic, _) = self.topic?;
        let replies = &script.topics[topic].replies;
        let (text, _) = self.say(replies, |_| String::new())?;
        Some(text)
    }

    /// The oldest memory; but not at once, as nobody has gone away from it yet.
    fn by_memory(&mut self) -> Option<String> {
        if self.since < 2 {
            return None;
        }
        let text = self.memory.pop_front()?;
        self.last.clone_from(&text);
        Some(text)
    }

    fn say_any(&mut self, replies: &Replies) -> String {
        let said = self.say(replies, |_| String::new());
        // Only a list with a single reply can fail to offer another than the last one.
        said.map_or_else(
            || replies.templates[0].written().to_owned(),
            |(text, _)| text,
        )
    }

    /// One of `replies` by chance, rather one that was not used of late; `None` if all would repeat
    /// the last words, or need what was not learnt.
    fn say<'a>(
        &mut self,
        replies: &'a Replies,
        part: impl Fn(usize) -> String,
    ) -> Option<(String, &'a Template)> {
        let mut order: Vec<usize> = (0..replies.templates.len()).collect();
        order.shuffle(&mut self.chance);
        order.sort_by_key(|index| {
            self.recent
                .iter()
                .position(|&number| number == replies.first + index)
                .map_or(0, |at| at + 1)
        });
        for index in order {
            let template = &replies.templates[index];
            let Some(text) = template.fill(&part, &self.learnt) else {
                continue;
            };
            if text != self.last {
                if self.recent.len() == RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(replies.first + index);
                self.last.clone_from(&text);
                return Some((text, template));
            }
        }
        None
    }
}

impl engine::Talk for Talk {
    fn greet(&mut self) -> Option<String> {
        let script = Arc::clone(&self.script);
        Some(self.say_any(&script.greeting))
    }

    fn reply(&mut self, line: &str, steps: &mut Steps) -> Answer {
        let script = Arc::clone(&self.script);
        let said = Said::new(line, script.language);
        if script.is_farewell(&said) {
            let text = self.say_any(&script.farewell);
            return Answer {
                text,
                source: Source::Farewell,
            };
        }
        let sentences: Vec<_> = said.sentences().collect();
        for sentence in &sentences {
            let words = sentence.text.split(' ').map(str::to_owned);
            steps.note(|| Step::Read {
                words: words.collect(),
            });
        }
        self.since = self.since.saturating_add(1);
        let (text, source) = if sentences.is_empty() {
            (self.say_any(&script.silence), Source::Silence)
        } else {
            self.answer(&sentences, steps)
        };
        self.topic = self
            .topic
            .and_then(|(topic, turns)| Some((topic, turns.checked_sub(1)?)));
        self.topic = self.topic.filter(|(_, turns)| 0 < *turns);
        Answer { text, source }
    }

    fn farewell(&mut self) -> Option<String> {
        let script = Arc::clone(&self.script);
        Some(self.say_any(&script.farewell))
    }

    fn memory(&self) -> Vec<String> {
        self.memory.iter().cloned().collect()
    }
}

/// What the pattern captures of the sentence, if the rule is for it.
fn captured(rule: &Rule, pattern: Option<&Pattern>, sentence: &Sentence<'_>) -> Option<Parts> {
    if rule.question && !sentence.is_question {
        return None;
    }
    let parts = match pattern {
        Some(pattern) => pattern.capture(&sentence.folded)?,
        None => Parts::new(),
    };
    let is_name = |part: &Range<usize>| sentence.text[part.clone()].starts_with(char::is_uppercase);
    (!rule.capital || parts.first().is_some_and(is_name)).then_some(parts)
}

const RECENT: usize = 16; // a reply comes again when its rule has no other, or after so many
const REMEMBERED: usize = 4; // and what is older is forgotten
const MOST_REMEMBERED_BYTES: usize = 200;
const MOST_LEARNT_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{Conversation, Script};

    fn friend(seed: u64) -> Conversation {
        Conversation::new(&Script::friend(), seed)
    }

    /// Every reply that the friend may give to a line, by many conversations.
    fn replies(line: &str) -> HashSet<String> {
        let reply = |seed| friend(seed).reply(line).text;
        (0..100).map(reply).collect()
    }

    /// Each possible reply to the line contains one of these words.
    #[track_caller]
    fn check(line: &str, words: &[&str]) {
        for reply in replies(line) {
            assert!(
                words.iter().any(|word| reply.contains(word)),
                "{line}: {reply}"
            );
        }
    }

    #[test]
    fn it_opens_by_asking_how_one_feels() {
        for seed in 0..50 {
            let greeting = friend(seed).greet().expect("it opens");
            assert!(
                greeting.contains("feel") && greeting.ends_with('?'),
                "{greeting}"
            );
        }
    }

    #[test]
    fn what_was_said_comes_back_turned_round() {
        check("I need a holiday", &["need a holiday"]);
        check("I need help!?", &["need help"]);
        check("I need you", &["need me"]);
        check("Why can't you help me?", &["help you"]);
        check("Why don't you like me?", &["like you"]);
        check("why can’t I sleep", &["sleep"]);
        check(
            "I am afraid you don't like me",
            &["afraid I don't like you"],
        );
        check(
            "are you why I am unhappy",
            &["I am why you are unhappy", "I were why you are unhappy"],
        );
        check(
            "Are you going to help me or not?",
            &["going to help you?", "going to help you."],
        );
        check("I think you were wrong", &["I was wrong"]);
        check(
            "you told me that you love me",
            &["I told you that I love you"],
        );
        check("I'm not myself", &["are not yourself", "were yourself"]);
        check("I was happy with him", &["happy with him"]);
        check(
            "can you help me with my homework",
            &["help you with your homework"],
        );
        check("I feel that you hate me", &["feel that I hate you"]);
        check("I love Paris", &["love Paris"]);
        check(
            "My boss Peter told me I was lazy",
            &["our boss Peter told you you were lazy"],
        );
        check("IS IT TRUE?", &["is true"]);
    }

    #[test]
    fn the_verb_follows_its_subject() {
        check("I wasn't happy", &["you weren't happy?"]);
        check(
            "I was invited",
            &["you were invited?", "Were you really invited?"],
        );
        check(
            "I was talking to you",
            &["you were talking to me?", "Were you really talking to me?"],
        );
        check("I wish I were you", &["you wish you were me?"]);
        check("I wish you were here", &["you wish I were here?"]);
        check(
            "I need to know if you were there",
            &["to know if I was there?"],
        );
        check("I feel like you hate me", &["feel like I hate you"]);
        check(
            "I hope you and your family are well",
            &["you hope I and my family are well?"],
        );
        check(
            "I feel that you and my sister hate me",
            &["that I and your sister hate you"],
        );
        check("Are you and I friends?", &["us"]);
        check("You and I are different", &["us"]);
        check("You and me", &["us"]);
        check("You are what I am not", &["that I am what you are not"]);
        check(
            "I believe I am being followed",
            &["you believe you are being followed?"],
        );
        check("I am being followed", &["you are being followed?"]);
        check(
            "It's been a hard year for me",
            &["that it's been a hard year for you", "if it's been"],
        );
        check(
            "I love you and I need you",
            &["you love me and you need me?"],
        );
        check("you never", &["that I never"]);
        check(
            "I think so too",
            &["think so?", "think so, too?", "thought so?"],
        );
    }

    #[test]
    fn replies_fit_whatever_is_captured() {
        check(
            "Can I be myself with you?",
            &["you could be yourself with me?", "you can be yourself"],
        );
        check("Could I be ill?", &["you could be ill?", "you can be ill?"]);
        check("I'm not", &["you are not?", "Would you like to be?"]);
        check(
            "Why don't you ever answer",
            &["I will answer.", "to answer?", "don't answer?"],
        );
        check(
            "I couldn't sleep yesterday",
            &["you couldn't sleep yesterday?"],
        );
        check("I can't do this anymore", &["do this?", "do this if"]);
        check("Is there any hope?", &["if there were hope?"]);
        check(
            "do you need nothing",
            &["I need nothing", "you rather than me"],
        );
        check("All I need is you", &["you need me?"]);
        check(
            "Why is the sky blue?",
            &["that is?", "reason is?", "answer", "anybody else?"],
        );
        check("I am sad because it rains", &["reason", "not so"]);
    }

    #[test]
    fn what_hangs_on_a_sentence_is_cut_off() {
        check(
            "You're not listening, are you?",
            &["that I'm not listening"],
        );
        check(
            "You're my best friend, aren't you?",
            &["that I'm your best friend"],
        );
        check("I'm late, thanks", &["you are late?"]);
        check("Can you help me, please?", &["help you?", "help you, what"]);
        check(
            "I can't stand my boss, he is horrible",
            &["stand your boss?", "stand your boss if"],
        );
        check("I need you...or do I?", &["need me?"]);
    }

    #[test]
    fn hasty_spellings_are_known() {
        check("cant you help me", &["help you"]);
        check("I dont like my job", &["don't like your job"]);
        check("youre late", &["I'm late"]);
        check("im not happy", &["not happy?", "were happy?"]);
        check(
            "I cannot sleep",
            &["can't sleep?", "could sleep", "able to sleep?"],
        );
    }

    #[test]
    fn the_specific_comes_before_the_general() {
        let sorry = replies("I'm so sorry");
        let thanks = replies("thanks a lot");
        let hello = replies("Hello");
        let because = replies("because");
        assert!(replies("I am not sorry").is_disjoint(&sorry));
        assert!(replies("Thank god it's Friday").is_disjoint(&thanks));
        assert_eq!(replies("Thank you for listening"), thanks);
        assert_eq!(replies("hi there!"), hello);
        assert_eq!(replies("Because I was late"), because);
        assert_eq!(replies("Because you told me to"), because);
        check("Hello, my mother hates me", &["mother"]);
        check("Hello. I need a coat.", &["need a coat?"]);
        check(
            "Can I have a dog?",
            &["could have a dog?", "can have a dog?"],
        );
        check("Is it because I am ugly?", &["it is because you are ugly?"]);
        assert_eq!(replies("Should I have gone?"), replies("do I bore you"));
        for line in [
            "I want to die",
            "I might kill myself",
            "I wish I was dead",
            "I dont want to live",
        ] {
            check(line, &["helpline"]);
        }
        check("I don't want my dog to die", &["want your dog to die"]);
    }

    #[test]
    fn the_family_is_found_anywhere() {
        check("My mother hates me", &["mother"]);
        check("I need my dad", &["father"]);
        check("when i was a child", &["child"]);
    }

    #[test]
    fn whole_words_and_single_sentences_count() {
        let yes = replies("yes");
        assert!(replies("Yesterday was fine").is_disjoint(&yes));
        check(
            "It rained. I need a coat. It was late.",
            &["need a coat?", "need a coat."],
        );
        check("that book is mine", &["that book is yours"]);
    }

    #[test]
    fn an_empty_line_is_silence() {
        let silence = replies("");
        assert!(3 < silence.len());
        for line in ["   ", "\t", "?!", "...", "\0\x1b"] {
            assert!(replies(line).is_subset(&silence), "{line:?}");
        }
    }

    #[test]
    fn only_a_whole_line_says_farewell() {
        let last = |line| friend(1).reply(line).last;
        for line in ["quit", "bye", " Goodbye! ", "EXIT.", "quit\r"] {
            assert!(last(line), "{line}");
        }
        for line in ["I said goodbye to him", "quit it", "", "bye bye"] {
            assert!(!last(line), "{line}");
        }
    }

    #[test]
    fn seeds_decide() {
        let talk = |seed| {
            let mut friend = friend(seed);
            (0..20)
                .map(|_| friend.reply("I need help").text)
                .collect::<Vec<_>>()
        };
        assert_eq!(talk(1), talk(1));
        assert!((2..10).any(|seed| talk(seed) != talk(1)));
    }

    #[test]
    fn a_conversation_is_small_and_can_move() {
        fn moves<T: Send>() {}
        moves::<Conversation>();
        assert!(size_of::<Conversation>() + REMEMBERED * size_of::<usize>() < 512);
    }

    #[test]
    fn a_long_line_is_answered_in_short() {
        let mut friend = friend(1);
        for line in [
            "a".repeat(1 << 20),
            "I need ".repeat(1 << 17),
            "you ".repeat(1 << 18),
            "我".repeat(1 << 10),
        ] {
            let reply = friend.reply(&line).text;
            assert!(reply.len() < 1000, "{reply}");
            assert!(!replies("").contains(&reply), "it is no silence");
        }
    }

    proptest! {
        #[test]
        fn no_reply_comes_twice_running(lines in prop::collection::vec("(I need help|yes|you|quit||sorry.|\\PC{0,9}|I am (you|me))", 1..40), seed: u64) {
            let mut friend = friend(seed);
            let mut last = friend.greet().expect("it opens");
            for line in lines {
                let reply = friend.reply(&line).text;
                prop_assert_ne!(&reply, &last);
                prop_assert!(!reply.is_empty() && !reply.chars().any(char::is_control));
                last = reply;
            }
        }

        #[test]
        fn no_line_is_too_strange(line: String) {
            let reply = friend(7).reply(&line).text;
            prop_assert!(!reply.chars().any(char::is_control));
        }
    }
}
