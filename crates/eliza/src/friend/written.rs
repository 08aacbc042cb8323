//! A script as it is written, and how it becomes a usable one.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::friend::index::Index;
use crate::friend::language;
use crate::friend::pattern::Pattern;
use crate::friend::said::Said;
use crate::friend::script::{Place, Replies, Rule, Script, Topic};
use crate::friend::synonyms::{Synonyms, is_name};
use crate::friend::template::Template;
use crate::problem::{Problem, ScriptError};

/// Reads and compiles a script, or says all that in it cannot be used.
pub(crate) fn compile(text: &str) -> Result<Script, ScriptError> {
    let written: Written = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let what = error.message().replace('\n', ", ");
        Problem::at(text.as_bytes(), start, what)
    })?;
    let mut compiler = Compiler::new(text, &written);
    let script = compiler.script(&written);
    if compiler.problems.is_empty() {
        Ok(script)
    } else {
        Err(ScriptError::new(compiler.problems))
    }
}

/// A script as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    language: Option<Spanned<String>>,
    greeting: Lines,
    farewell: Lines,
    silence: Lines,
    otherwise: Lines,
    quit: Lines,
    #[serde(default)]
    synonyms: BTreeMap<Spanned<String>, Lines>,
    #[serde(default)]
    topic: Vec<Spanned<WrittenTopic>>,
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTopic {
    name: Spanned<String>,
    turns: Option<u8>,
    replies: Lines,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(default)]
    patterns: Vec<Spanned<String>>,
    #[serde(default)]
    question: bool,
    #[serde(default)]
    weak: bool,
    within: Option<Spanned<String>>,
    topic: Option<Spanned<String>>,
    learn: Option<Spanned<String>>,
    remember: Option<Lines>,
    replies: Lines,
}

type Lines = Spanned<Vec<Spanned<String>>>;

/// Turns a written script into a usable one, and collects what it cannot use.
struct Compiler<'a> {
    text: &'a str,
    synonyms: Synonyms,
    topics: Vec<&'a str>,
    names: Vec<String>, // of what is learnt
    templates: usize,   // so far
    patterns: usize,    // so far
    problems: Vec<Problem>,
}

impl<'a> Compiler<'a> {
    fn new(text: &'a str, written: &'a Written) -> Self {
        let mut compiler = Self {
            text,
            synonyms: Synonyms::default(),
            topics: Vec::new(),
            names: Vec::new(),
            templates: 0,
            patterns: 0,
            problems: Vec::new(),
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
        for topic in &written.topic {
            let name = &topic.as_ref().name;
            compiler.name(name);
            if compiler.topics.contains(&name.as_ref().as_str()) {
                compiler.complain(&name.span(), "this topic is there already");
            }
            compiler.topics.push(name.as_ref());
        }
        for rule in &written.rule {
            if let Some(name) = &rule.as_ref().learn {
                compiler.name(name);
                if !compiler.names.contains(name.as_ref()) {
                    compiler.names.push(name.as_ref().clone());
                }
            }
        }
        compiler
    }

    fn script(&mut self, written: &Written) -> Script {
        let tag = written.language.as_ref().map_or("en", |tag| tag.as_ref());
        let language = language::of(tag);
        if let (None, Some(tag)) = (language, &written.language) {
            let what = format!("expected one of the languages {}", language::tags());
            self.complain(&tag.span(), what);
        }
        let language = language.unwrap_or_else(language::english);
        if MOST_RULES < written.rule.len() {
            let what = format!("a script has at most {MOST_RULES} rules");
            self.complain(&written.rule[MOST_RULES].span(), what);
        }
        if written.quit.as_ref().is_empty() {
            let what = "without a word to quit, no conversation ends";
            self.complain(&written.quit.span(), what);
        }
        let quit = written.quit.as_ref().iter();
        let rules: Vec<_> = written.rule.iter().map(|rule| self.rule(rule)).collect();
        let places: Vec<_> = rules.iter().enumerate().flat_map(places).collect();
        let patterns = places.iter().map(|place| {
            let pattern = &rules[place.rule].patterns[place.pattern?];
            Some(pattern.text())
        });
        Script {
            index: Index::new(patterns),
            places,
            language,
            greeting: self.list(&written.greeting, 1),
            farewell: self.list(&written.farewell, 1),
            silence: self.list(&written.silence, 2),
            otherwise: self.list(&written.otherwise, 2),
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
        if let (Some(name), 0) = (&written.learn, parts) {
            self.complain(
                &name.span(),
                "there is nothing to learn: a pattern captures 0",
            );
        }
        let learn = written.learn.as_ref();
        Rule {
            line: self.problem(&span, "").line,
            patterns,
            question: written.question,
            weak: written.weak,
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
    fn list(&mut self, written: &Lines, least: usize) -> Replies {
        let lines = written.as_ref().iter().map(|line| line.as_ref());
        let always = lines.filter(|line| {
            let needs = |name: &String| line.contains(&format!("{{{name}}}"));
            !self.names.iter().any(needs)
        });
        if always.collect::<HashSet<_>>().len() < least && !written.as_ref().is_empty() {
            let what = format!("at least {least} different that need nothing learnt are expected");
            self.complain(&written.span(), what);
        }
        self.replies(written, 0)
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
        let problem = self.problem(span, what);
        self.problems.push(problem);
    }

    fn problem(&self, span: &Range<usize>, what: impl Into<String>) -> Problem {
        Problem::at(self.text.as_bytes(), span.start, what)
    }
}

/// The places of the patterns of a rule, or of the rule if it has none.
fn places((rule, written): (usize, &Rule)) -> impl Iterator<Item = Place> {
    let count = written.patterns.len();
    let patterns = (0..count).map(Some).chain((count == 0).then_some(None));
    patterns.map(move |pattern| Place { rule, pattern })
}

const MOST_RULES: usize = 1000; // enough for anybody's patience
const MOST_PATTERNS: usize = 1000; // of the greatest size, they take some 400 MB and two seconds
const USUAL_TURNS: u8 = 3;
