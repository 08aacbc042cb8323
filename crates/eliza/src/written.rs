//! A script as it is written, and how it becomes a usable one.

use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::pattern::Pattern;
use crate::said::Said;
use crate::script::{Replies, Rule, Script, ScriptError};
use crate::template::Template;

/// Reads and compiles a script, or says what in it cannot be used.
pub(crate) fn compile(script: &[u8]) -> Result<Script, ScriptError> {
    if Script::MOST_BYTES < script.len() {
        let most = Script::MOST_BYTES / 1024;
        return Err(error_at(
            script,
            0,
            format!("a script is at most {most} KiB"),
        ));
    }
    let text = str::from_utf8(script)
        .map_err(|error| error_at(script, error.valid_up_to(), "not UTF-8"))?;
    let written: Written = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        error_at(script, start, error.message().replace('\n', ", "))
    })?;
    Compiler {
        script,
        templates: 0,
        patterns: 0,
    }
    .script(&written)
}

/// A script as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    greeting: Lines,
    farewell: Lines,
    silence: Lines,
    otherwise: Lines,
    quit: Lines,
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(default)]
    patterns: Vec<Spanned<String>>,
    #[serde(default)]
    question: bool,
    replies: Lines,
}

type Lines = Spanned<Vec<Spanned<String>>>;

/// Turns a written script into a usable one, and knows the place of what it cannot use.
struct Compiler<'a> {
    script: &'a [u8],
    templates: usize, // so far
    patterns: usize,  // so far
}

impl Compiler<'_> {
    fn script(mut self, written: &Written) -> Result<Script, ScriptError> {
        if MOST_RULES < written.rule.len() {
            return Err(error_at(
                self.script,
                0,
                format!("a script has at most {MOST_RULES} rules"),
            ));
        }
        if written.quit.as_ref().is_empty() {
            return Err(self.error(
                &written.quit.span(),
                "without a word to quit, no conversation ends",
            ));
        }
        Ok(Script {
            greeting: self.replies(&written.greeting, 0, 1)?,
            farewell: self.replies(&written.farewell, 0, 1)?,
            silence: self.replies(&written.silence, 0, 2)?,
            otherwise: self.replies(&written.otherwise, 0, 2)?,
            rules: written
                .rule
                .iter()
                .map(|rule| self.rule(rule))
                .collect::<Result<_, _>>()?,
            quit: written
                .quit
                .as_ref()
                .iter()
                .map(|word| Said::new(word.as_ref()).as_one())
                .collect(),
        })
    }

    fn rule(&mut self, written: &Spanned<WrittenRule>) -> Result<Rule, ScriptError> {
        let span = written.span();
        let written = written.as_ref();
        if written.patterns.is_empty() && !written.question {
            return Err(self.error(
                &span,
                "a rule without patterns is for questions alone: question = true",
            ));
        }
        let mut patterns = Vec::new();
        for pattern in &written.patterns {
            self.patterns += 1;
            if MOST_PATTERNS < self.patterns {
                let reason = format!("a script has at most {MOST_PATTERNS} patterns");
                return Err(self.error(&pattern.span(), reason));
            }
            let compiled = Pattern::parse(pattern.as_ref());
            patterns.push(compiled.map_err(|reason| self.error(&pattern.span(), reason))?);
        }
        // Whichever pattern matches, every part that a reply asks for is there.
        let parts = patterns.iter().map(Pattern::parts).min().unwrap_or(0);
        let replies = self.replies(&written.replies, parts, 1)?;
        Ok(Rule {
            patterns,
            question: written.question,
            replies,
        })
    }

    /// Replies that may ask for `parts` parts, at least `least` different ones, so that none need
    /// be given twice running.
    fn replies(
        &mut self,
        written: &Lines,
        parts: usize,
        least: usize,
    ) -> Result<Replies, ScriptError> {
        let different: HashSet<&str> = written
            .as_ref()
            .iter()
            .map(|line| line.as_ref().as_str())
            .collect();
        if different.len() < least {
            let reason = if least == 1 {
                "a reply is missing"
            } else {
                "two different replies are needed"
            };
            return Err(self.error(&written.span(), reason));
        }
        let mut templates = Vec::new();
        for line in written.as_ref() {
            let template = Template::parse(line.as_ref(), parts);
            templates.push(template.map_err(|reason| self.error(&line.span(), reason))?);
        }
        let first = self.templates;
        self.templates += templates.len();
        Ok(Replies { first, templates })
    }

    fn error(&self, span: &Range<usize>, reason: impl Into<String>) -> ScriptError {
        error_at(self.script, span.start, reason)
    }
}

fn error_at(script: &[u8], offset: usize, reason: impl Into<String>) -> ScriptError {
    let before = &script[..offset.min(script.len())];
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    ScriptError {
        line,
        reason: reason.into(),
    }
}

const MOST_RULES: usize = 1000; // each is tried in turn
const MOST_PATTERNS: usize = 500; // of the greatest size, they take some 200 MB and a second
