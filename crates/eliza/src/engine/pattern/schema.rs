//! The TOML schema of a script.

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use crate::problem::{MAX_PROBLEMS, Problem, SourceMap};

/// A deserialized script. Fields that could not be read are missing.
pub(crate) struct ScriptSchema {
    pub(crate) language: Option<Spanned<String>>,
    pub(crate) greeting: Option<TextList>,
    pub(crate) farewell: Option<TextList>,
    pub(crate) silence: Option<TextList>,
    pub(crate) otherwise: Option<TextList>,
    pub(crate) quit: Option<TextList>,
    pub(crate) synonyms: Vec<(Spanned<String>, TextList)>,
    pub(crate) topic: Vec<Spanned<TopicSchema>>,
    pub(crate) rule: Vec<Spanned<RuleSchema>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopicSchema {
    pub(crate) name: Spanned<String>,
    pub(crate) turns: Option<u8>,
    pub(crate) replies: TextList,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSchema {
    #[serde(default)]
    pub(crate) patterns: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) question: bool,
    #[serde(default)]
    pub(crate) weak: bool,
    #[serde(default)]
    pub(crate) capital: bool,
    pub(crate) within: Option<Spanned<String>>,
    pub(crate) topic: Option<Spanned<String>>,
    pub(crate) learn: Option<Spanned<String>>,
    pub(crate) remember: Option<TextList>,
    pub(crate) replies: TextList,
}

pub(crate) type TextList = Spanned<Vec<Spanned<String>>>;

impl ScriptSchema {
    /// Deserializes each table and list separately and returns the problems of all of them.
    ///
    /// # Errors
    ///
    /// The first TOML syntax error; later ones are mostly consequences of it.
    pub(crate) fn read(
        text: &str,
        source_map: &SourceMap<'_>,
    ) -> Result<(Self, Vec<Problem>), Problem> {
        let table = DeTable::parse(text)
            .map_err(|error| source_map.problem(place(&error), message(&error)))?;
        let mut reader = Reader {
            source_map,
            table: table.into_inner(),
            problems: Vec::new(),
        };
        let schema = Self {
            language: reader.take("language"),
            greeting: reader.need("greeting"),
            farewell: reader.need("farewell"),
            silence: reader.need("silence"),
            otherwise: reader.need("otherwise"),
            quit: reader.need("quit"),
            synonyms: reader.named("synonyms"),
            topic: reader.each("topic"),
            rule: reader.each("rule"),
        };
        reader.refuse_others();
        Ok((schema, reader.problems))
    }

    /// Warnings: synonyms, topics and learnt values that are not used.
    pub(crate) fn unused(&self, text: &str, source_map: &SourceMap<'_>) -> Vec<Problem> {
        let rules = || self.rule.iter().map(Spanned::as_ref);
        let patterns = || rules().flat_map(|rule| &rule.patterns).map(Spanned::as_ref);
        let mut unused = Vec::new();
        let mut warn =
            |name: &Spanned<String>, what| unused.push(source_map.problem(name.span().start, what));
        for (name, _) in &self.synonyms {
            let called = format!("<{}>", name.as_ref());
            if !patterns().any(|pattern| pattern.contains(&called)) {
                warn(name, format!("no pattern uses {called}"));
            }
        }
        for topic in &self.topic {
            let name = &topic.as_ref().name;
            let mut begun = rules().filter_map(|rule| rule.topic.as_ref());
            if !begun.any(|topic| topic.as_ref() == name.as_ref()) {
                warn(name, "no rule starts this topic".to_owned());
            }
        }
        for name in rules().filter_map(|rule| rule.learn.as_ref()) {
            let called = format!("{{{}}}", name.as_ref());
            if !text.contains(&called) {
                warn(name, format!("no reply uses {called}"));
            }
        }
        unused
    }
}

/// Takes the known keys out of a document and collects problems.
struct Reader<'a> {
    source_map: &'a SourceMap<'a>,
    table: DeTable<'a>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn take<T: Deserialize<'a>>(&mut self, key: &str) -> Option<T> {
        let value = self.table.remove(key)?;
        self.read(value)
    }

    /// A required list.
    fn need(&mut self, key: &str) -> Option<TextList> {
        if !self.table.contains_key(key) {
            let what = format!("missing field `{key}`");
            self.report(0, what);
        }
        self.take(key)
    }

    /// An array of tables.
    fn each<T: Deserialize<'a>>(&mut self, key: &str) -> Vec<T> {
        let Some(value) = self.table.remove(key) else {
            return Vec::new();
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(items) => {
                let items = items.into_iter().filter_map(|item| self.read(item));
                items.collect()
            }
            other => self.read(Spanned::new(span, other)).unwrap_or_default(),
        }
    }

    /// A table of lists.
    fn named(&mut self, key: &str) -> Vec<(Spanned<String>, TextList)> {
        let Some(value) = self.table.remove(key) else {
            return Vec::new();
        };
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            let what = format!("expected a table [{key}]");
            self.report(span.start, what);
            return Vec::new();
        };
        let lists = table.into_iter().filter_map(|(name, list)| {
            let name = Spanned::new(name.span(), name.into_inner().into_owned());
            Some((name, self.read(list)?))
        });
        lists.collect()
    }

    fn read<T: Deserialize<'a>>(&mut self, value: Spanned<DeValue<'a>>) -> Option<T> {
        let read = T::deserialize(ValueDeserializer::from(value));
        read.map_err(|error| self.report(place(&error), message(&error)))
            .ok()
    }

    fn refuse_others(&mut self) {
        let table = std::mem::take(&mut self.table);
        for key in table.keys() {
            let what = format!("unknown field `{}`, expected one of {KEYS}", key.as_ref());
            self.report(key.span().start, what);
        }
    }

    fn report(&mut self, at: usize, what: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(self.source_map.problem(at, what));
        }
    }
}

fn place(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

fn message(error: &Error) -> String {
    error.message().replace('\n', ", ")
}

const KEYS: &str = "`language`, `greeting`, `farewell`, `silence`, `otherwise`, `quit`, `synonyms`, `topic`, `rule`";
