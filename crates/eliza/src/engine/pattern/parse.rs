//! How a script as it is written becomes a usable one.

use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;

use crate::engine::pattern::index::Index;
use crate::engine::pattern::input::Said;
use crate::engine::pattern::languages;
use crate::engine::pattern::schema::{Lines, Written, WrittenRule, WrittenTopic};
use crate::engine::pattern::script::{Replies, Rule, Script, Topic};
use crate::engine::pattern::synonyms::{Synonyms, is_name};
use crate::engine::pattern::template::Template;
use crate::engine::pattern::word_pattern::Pattern;
use crate::problem::{MOST_PROBLEMS, Places, Problem, ScriptError};

/// Reads a script.
///
/// # Errors
///
/// All that makes it unusable: TOML that is none, a key that is not known, a pattern that is
/// none or too big, too many patterns, a reply that asks for a part that is not captured or for
/// what is never learnt, a list without the replies it needs, a topic that is not there.
pub(crate) fn parse(text: &str) -> Result<Script, ScriptError> {
    let places = Places::new(text.as_bytes());
    let (written, problems) = Written::read(text, &places)?;
    let mut compiler = Compiler::new(&places, &written, problems);
    let script = compiler.script(text, &written);
    if !compiler.problems.is_empty() {
        return Err(ScriptError::new(compiler.problems));
    }
    script.language.prepare();
    Ok(script)
}

/// Turns a written script into a usable one, and collects what it cannot use.
struct Compiler<'a> {
    places: &'a Places<'a>,
    synonyms: Synonyms,
    topics: Vec<&'a str>,
    names: Vec<String>, // of what is learnt
    templates: usize,   // so far
    patterns: usize,    // so far
    problems: Vec<Problem>,
}

impl<'a> Compiler<'a> {
    fn new(places: &'a Places<'a>, written: &'a Written, problems: Vec<Problem>) -> Self {
        let mut compiler = Self {
            places,
            synonyms: Synonyms::default(),
            topics: Vec::new(),
            names: Vec::new(),
            templates: 0,
            patterns: 0,
            problems,
        };
        for (name, words) in &written.synonyms {
            compiler.name(name);
            let words: Vec<_> = words
                .as_ref()
                .iter()
                .map(|word| word.as_ref().as_str())
                .collect();
            compiler.synonyms.add(name.as_ref(), &words);
        }
        for (named, what) in [
            (written.synonyms.len(), "synonyms"),
            (written.topic.len(), "topics"),
        ] {
            if MOST_NAMED < named {
                compiler.complain(&(0..0), format!("a script has at most {MOST_NAMED} {what}"));
            }
        }
        for topic in written.topic.iter().take(MOST_NAMED) {
            let name = &topic.as_ref().name;
            compiler.name(name);
            if compiler.topics.contains(&name.as_ref().as_str()) {
                compiler.complain(&name.span(), "this topic is there already");
            }
            compiler.topics.push(name.as_ref());
        }
        for rule in written.rule.iter().take(MOST_RULES) {
            if let Some(name) = &rule.as_ref().learn {
                compiler.name(name);
                if !compiler.names.contains(name.as_ref()) {
                    compiler.names.push(name.as_ref().clone());
                }
            }
        }
        compiler
    }

    fn script(&mut self, text: &str, written: &Written) -> Script {
        let tag = written.language.as_ref().map_or("en", |tag| tag.as_ref());
        let language = languages::of(tag);
        if let (None, Some(tag)) = (language, &written.language) {
            let what = format!("expected one of the languages {}", languages::tags());
            self.complain(&tag.span(), what);
        }
        let language = language.unwrap_or_else(languages::english);
        if MOST_RULES < written.rule.len() {
            let what = format!("a script has at most {MOST_RULES} rules");
            self.complain(&written.rule[MOST_RULES].span(), what);
        }
        if let Some(quit) = written
            .quit
            .as_ref()
            .filter(|quit| quit.as_ref().is_empty())
        {
            let what = "without a word to quit, no conversation ends";
            self.complain(&quit.span(), what);
        }
        let quit = written.quit.iter().flat_map(Spanned::as_ref);
        let rules = written.rule.iter().take(MOST_RULES);
        let rules: Vec<_> = rules.map(|rule| self.rule(rule)).collect();
        let places: Vec<_> = (0..).zip(&rules).flat_map(places).collect();
        let needs = places.iter().map(|&(rule, pattern): &(u16, u16)| {
            let patterns = &rules[usize::from(rule)].patterns;
            patterns.get(usize::from(pattern))?.required()
        });
        Script {
            unused: if self.problems.is_empty() {
                written.unused(text, self.places)
            } else {
                Vec::new()
            },
            index: Index::new(needs),
            places,
            language,
            greeting: self.list(written.greeting.as_ref(), 1),
            farewell: self.list(written.farewell.as_ref(), 1),
            silence: self.list(written.silence.as_ref(), 2),
            otherwise: self.list(written.otherwise.as_ref(), 2),
            topics: written
                .topic
                .iter()
                .map(|topic| self.topic(topic))
                .collect(),
            rules,
            quit: quit
                .map(|word| {
                    Said::new(word.as_ref(), language)
                        .as_one()
                        .text()
                        .to_owned()
                })
                .collect(),
            names: self.names.clone(),
        }
    }

    fn topic(&mut self, written: &Spanned<WrittenTopic>) -> Topic {
        let written = written.as_ref();
        Topic {
            name: written.name.as_ref().clone(),
            turns: written.turns.unwrap_or(USUAL_TURNS),
            replies: self.replies(&written.replies, 0),
        }
    }

    fn rule(&mut self, written: &Spanned<WrittenRule>) -> Rule {
        let span = written.span();
        let written = written.as_ref();
        if written.patterns.is_empty() && !written.question && written.within.is_none() {
            let what =
                "a rule without patterns is for questions alone or within a topic: question = true";
            self.complain(&span, what);
        }
        let patterns: Vec<_> = written
            .patterns
            .iter()
            .filter_map(|pattern| self.pattern(pattern))
            .collect();
        // Whichever pattern matches, every part that a reply asks for is there.
        let parts = patterns.iter().map(Pattern::parts).min().unwrap_or(0);
        if parts == 0 && (written.learn.is_some() || written.capital) {
            let what = "learn and capital are about the first part, and a pattern captures 0";
            self.complain(&span, what);
        }
        let learn = written.learn.as_ref();
        Rule {
            line: self.places.line(span.start),
            patterns,
            question: written.question,
            weak: written.weak,
            capital: written.capital,
            within: self.topic_of(written.within.as_ref()),
            topic: self.topic_of(written.topic.as_ref()),
            learn: learn
                .and_then(|name| self.names.iter().position(|known| known == name.as_ref())),
            remember: match &written.remember {
                Some(lines) => self.replies(lines, parts),
                None => Replies {
                    first: self.templates,
                    templates: Vec::new(),
                },
            },
            replies: self.replies(&written.replies, parts),
        }
    }

    fn pattern(&mut self, written: &Spanned<String>) -> Option<Pattern> {
        self.patterns += 1;
        if MOST_PATTERNS < self.patterns {
            if self.patterns == MOST_PATTERNS + 1 {
                let what = format!("a script has at most {MOST_PATTERNS} patterns");
                self.complain(&written.span(), what);
            }
            return None;
        }
        let pattern = Pattern::parse(written.as_ref(), &self.synonyms);
        pattern
            .map_err(|what| self.complain(&written.span(), what))
            .ok()
    }

    fn topic_of(&mut self, name: Option<&Spanned<String>>) -> Option<usize> {
        let name = name?;
        let found = self.topics.iter().position(|topic| topic == name.as_ref());
        if found.is_none() {
            self.complain(&name.span(), format!("no topic '{}'", name.as_ref()));
        }
        found
    }

    /// Replies to what is always possible: at least `least` different ones that need nothing learnt,
    /// so that none need be given twice running.
    fn list(&mut self, written: Option<&Lines>, least: usize) -> Replies {
        let Some(written) = written else {
            return Replies {
                first: self.templates,
                templates: Vec::new(),
            };
        };
        let replies = self.replies(written, 0);
        let always = replies
            .templates
            .iter()
            .filter(|template| !template.needs_learning());
        let different: HashSet<_> = always.map(Template::written).collect();
        if different.len() < least
            && replies.templates.len() == written.as_ref().len()
            && !replies.templates.is_empty()
        {
            let what = format!("at least {least} different that need nothing learnt are expected");
            self.complain(&written.span(), what);
        }
        replies
    }

    /// Replies that may ask for `parts` parts.
    fn replies(&mut self, written: &Lines, parts: usize) -> Replies {
        if written.as_ref().is_empty() {
            self.complain(&written.span(), "a reply is missing");
        }
        let mut templates = Vec::new();
        for line in written.as_ref() {
            match Template::parse(line.as_ref(), parts, &self.names) {
                Ok(template) => templates.push(template),
                Err(what) => self.complain(&line.span(), what),
            }
        }
        let first = self.templates;
        self.templates += templates.len();
        Replies { first, templates }
    }

    fn name(&mut self, name: &Spanned<String>) {
        if !is_name(name.as_ref()) {
            self.complain(&name.span(), "a name has small letters, digits and _");
        }
    }

    fn complain(&mut self, span: &Range<usize>, what: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(self.places.problem(span.start, what));
        }
    }
}

/// The places of the patterns of a rule; of one that has none, that of the first.
fn places((number, rule): (u16, &Rule)) -> impl Iterator<Item = (u16, u16)> {
    (0..rule.patterns.len().max(1)).map(move |pattern| (number, pattern as u16))
}

const MOST_RULES: usize = 1000; // enough for anybody's patience
const MOST_NAMED: usize = 1000; // synonyms, and topics
const MOST_PATTERNS: usize = 1000; // of the greatest size, they take some 400 MB and two seconds
const USUAL_TURNS: u8 = 3;

#[cfg(test)]
mod tests;
