//! Parses and compiles scripts.

use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;

use crate::engine::pattern::index::Index;
use crate::engine::pattern::input::Input;
use crate::engine::pattern::languages;
use crate::engine::pattern::schema::{RuleSchema, ScriptSchema, TextList, TopicSchema};
use crate::engine::pattern::script::{Replies, Rule, Script, Topic};
use crate::engine::pattern::synonyms::{Synonyms, is_name};
use crate::engine::pattern::template::Template;
use crate::engine::pattern::word_pattern::Pattern;
use crate::problem::{MAX_PROBLEMS, Problem, ScriptError, SourceMap};

/// Parses a script.
///
/// # Errors
///
/// All problems, up to 100: invalid TOML, unknown keys, invalid or too large patterns, too many
/// patterns, replies that use a part or value that does not exist, lists with too few replies,
/// unknown topics.
pub(crate) fn parse(text: &str) -> Result<Script, ScriptError> {
    let source_map = SourceMap::new(text.as_bytes());
    let (schema, problems) = ScriptSchema::read(text, &source_map)?;
    let mut compiler = Compiler::new(&source_map, &schema, problems);
    let script = compiler.script(text, &schema);
    if !compiler.problems.is_empty() {
        return Err(ScriptError::new(compiler.problems));
    }
    script.language.prepare();
    Ok(script)
}

/// Compiles a script and collects the problems.
struct Compiler<'a> {
    source_map: &'a SourceMap<'a>,
    synonyms: Synonyms,
    topics: Vec<&'a str>,
    names: Vec<String>, // of learnt values
    templates: usize,   // so far
    patterns: usize,    // so far
    problems: Vec<Problem>,
}

impl<'a> Compiler<'a> {
    fn new(
        source_map: &'a SourceMap<'a>,
        schema: &'a ScriptSchema,
        problems: Vec<Problem>,
    ) -> Self {
        let mut compiler = Self {
            source_map,
            synonyms: Synonyms::default(),
            topics: Vec::new(),
            names: Vec::new(),
            templates: 0,
            patterns: 0,
            problems,
        };
        for (name, words) in &schema.synonyms {
            compiler.name(name);
            let words: Vec<_> = words
                .as_ref()
                .iter()
                .map(|word| word.as_ref().as_str())
                .collect();
            compiler.synonyms.add(name.as_ref(), &words);
        }
        for (named, what) in [
            (schema.synonyms.len(), "synonyms"),
            (schema.topic.len(), "topics"),
        ] {
            if MAX_NAMED < named {
                compiler.report(&(0..0), format!("a script has at most {MAX_NAMED} {what}"));
            }
        }
        for topic in schema.topic.iter().take(MAX_NAMED) {
            let name = &topic.as_ref().name;
            compiler.name(name);
            if compiler.topics.contains(&name.as_ref().as_str()) {
                compiler.report(&name.span(), "duplicate topic");
            }
            compiler.topics.push(name.as_ref());
        }
        for rule in schema.rule.iter().take(MAX_RULES) {
            if let Some(name) = &rule.as_ref().learn {
                compiler.name(name);
                if !compiler.names.contains(name.as_ref()) {
                    compiler.names.push(name.as_ref().clone());
                }
            }
        }
        compiler
    }

    fn script(&mut self, text: &str, schema: &ScriptSchema) -> Script {
        let tag = schema.language.as_ref().map_or("en", |tag| tag.as_ref());
        let language = languages::of(tag);
        if let (None, Some(tag)) = (language, &schema.language) {
            let what = format!("expected one of the languages {}", languages::tags());
            self.report(&tag.span(), what);
        }
        let language = language.unwrap_or_else(languages::english);
        if MAX_RULES < schema.rule.len() {
            let what = format!("a script has at most {MAX_RULES} rules");
            self.report(&schema.rule[MAX_RULES].span(), what);
        }
        if let Some(quit) = schema.quit.as_ref().filter(|quit| quit.as_ref().is_empty()) {
            let what = "expected at least one farewell, or no conversation ends";
            self.report(&quit.span(), what);
        }
        let quit = schema.quit.iter().flat_map(Spanned::as_ref);
        let rules = schema.rule.iter().take(MAX_RULES);
        let rules: Vec<_> = rules.map(|rule| self.rule(rule)).collect();
        let indexed_patterns: Vec<_> = (0..).zip(&rules).flat_map(pattern_ids).collect();
        let needs = indexed_patterns
            .iter()
            .map(|&(rule, pattern): &(u16, u16)| {
                let patterns = &rules[usize::from(rule)].patterns;
                patterns.get(usize::from(pattern))?.required()
            });
        Script {
            unused: if self.problems.is_empty() {
                schema.unused(text, self.source_map)
            } else {
                Vec::new()
            },
            index: Index::new(needs),
            indexed_patterns,
            language,
            greeting: self.list(schema.greeting.as_ref(), 1),
            farewell: self.list(schema.farewell.as_ref(), 1),
            silence: self.list(schema.silence.as_ref(), 2),
            otherwise: self.list(schema.otherwise.as_ref(), 2),
            topics: schema.topic.iter().map(|topic| self.topic(topic)).collect(),
            rules,
            quit: quit
                .map(|word| {
                    Input::new(word.as_ref(), language)
                        .folded_line()
                        .text()
                        .to_owned()
                })
                .collect(),
            names: self.names.clone(),
        }
    }

    fn topic(&mut self, schema: &Spanned<TopicSchema>) -> Topic {
        let schema = schema.as_ref();
        Topic {
            name: schema.name.as_ref().clone(),
            turns: schema.turns.unwrap_or(DEFAULT_TURNS),
            replies: self.replies(&schema.replies, 0),
        }
    }

    fn rule(&mut self, schema: &Spanned<RuleSchema>) -> Rule {
        let span = schema.span();
        let schema = schema.as_ref();
        if schema.patterns.is_empty() && !schema.question && schema.within.is_none() {
            let what = "a rule without patterns needs `question = true` or `within`";
            self.report(&span, what);
        }
        let patterns: Vec<_> = schema
            .patterns
            .iter()
            .filter_map(|pattern| self.pattern(pattern))
            .collect();
        // Replies may use only parts that every pattern of the rule captures.
        let parts = patterns.iter().map(Pattern::parts).min().unwrap_or(0);
        if parts == 0 && (schema.learn.is_some() || schema.capital) {
            let what = "`learn` and `capital` need a first part, but a pattern captures 0";
            self.report(&span, what);
        }
        let learn = schema.learn.as_ref();
        Rule {
            line: self.source_map.line(span.start),
            patterns,
            question: schema.question,
            weak: schema.weak,
            capital: schema.capital,
            within: self.topic_of(schema.within.as_ref()),
            topic: self.topic_of(schema.topic.as_ref()),
            learn: learn
                .and_then(|name| self.names.iter().position(|known| known == name.as_ref())),
            remember: match &schema.remember {
                Some(lines) => self.replies(lines, parts),
                None => Replies {
                    first: self.templates,
                    templates: Vec::new(),
                },
            },
            replies: self.replies(&schema.replies, parts),
        }
    }

    fn pattern(&mut self, schema: &Spanned<String>) -> Option<Pattern> {
        self.patterns += 1;
        if MAX_PATTERNS < self.patterns {
            if self.patterns == MAX_PATTERNS + 1 {
                let what = format!("a script has at most {MAX_PATTERNS} patterns");
                self.report(&schema.span(), what);
            }
            return None;
        }
        let pattern = Pattern::parse(schema.as_ref(), &self.synonyms);
        pattern
            .map_err(|what| self.report(&schema.span(), what))
            .ok()
    }

    fn topic_of(&mut self, name: Option<&Spanned<String>>) -> Option<usize> {
        let name = name?;
        let found = self.topics.iter().position(|topic| topic == name.as_ref());
        if found.is_none() {
            self.report(&name.span(), format!("no topic '{}'", name.as_ref()));
        }
        found
    }

    /// Replies that are always possible: at least `least` different ones that need no learnt value,
    /// so that no reply is given twice in a row.
    fn list(&mut self, schema: Option<&TextList>, least: usize) -> Replies {
        let Some(schema) = schema else {
            return Replies {
                first: self.templates,
                templates: Vec::new(),
            };
        };
        let replies = self.replies(schema, 0);
        let always = replies
            .templates
            .iter()
            .filter(|template| !template.needs_learning());
        let different: HashSet<_> = always.map(Template::source).collect();
        if different.len() < least
            && replies.templates.len() == schema.as_ref().len()
            && !replies.templates.is_empty()
        {
            let what =
                format!("expected at least {least} different replies that use no learnt value");
            self.report(&schema.span(), what);
        }
        replies
    }

    /// Replies that may use parts 1 to `parts`.
    fn replies(&mut self, schema: &TextList, parts: usize) -> Replies {
        if schema.as_ref().is_empty() {
            self.report(&schema.span(), "expected at least one reply");
        }
        let mut templates = Vec::new();
        for line in schema.as_ref() {
            match Template::parse(line.as_ref(), parts, &self.names) {
                Ok(template) => templates.push(template),
                Err(what) => self.report(&line.span(), what),
            }
        }
        let first = self.templates;
        self.templates += templates.len();
        Replies { first, templates }
    }

    fn name(&mut self, name: &Spanned<String>) {
        if !is_name(name.as_ref()) {
            self.report(
                &name.span(),
                "a name has only lower case letters, digits and _, and starts with a letter",
            );
        }
    }

    fn report(&mut self, span: &Range<usize>, what: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems
                .push(self.source_map.problem(span.start, what));
        }
    }
}

/// The rule and index of each of its patterns; index 0 for a rule without patterns.
fn pattern_ids((number, rule): (u16, &Rule)) -> impl Iterator<Item = (u16, u16)> {
    (0..rule.patterns.len().max(1)).map(move |pattern| (number, pattern as u16))
}

const MAX_RULES: usize = 1000;
const MAX_NAMED: usize = 1000; // of synonyms, and of topics
const MAX_PATTERNS: usize = 1000; // at maximum size they take some 400 MB and two seconds
const DEFAULT_TURNS: u8 = 3;

#[cfg(test)]
mod tests;
