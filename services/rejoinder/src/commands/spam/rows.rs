//! JSON Lines of comments.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result, bail};
use rejoinder_proto::v1;
use serde_json::{Map, Value};

/// A row with all its fields, those unknown to us included.
pub struct Row {
    fields: Map<String, Value>,
}

/// The rows of a reader, which is called `name`. Empty lines are passed over; the first that cannot be read is an error that
/// names its line.
pub fn rows<'a>(reader: impl BufRead + 'a, name: &'a str) -> impl Iterator<Item = Result<Row>> + 'a {
    let lines = (1_usize..).zip(reader.lines());
    lines.filter_map(move |(number, line)| {
        let place = || format!("{name}, line {number}");
        match line {
            Ok(line) if line.trim().is_empty() => None,
            Ok(line) => Some(Row::read(&line).with_context(place)),
            Err(error) => Some(Err(error).with_context(place)),
        }
    })
}

/// The rows of a file.
pub fn of_file(path: &Path) -> Result<Vec<Row>> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    rows(BufReader::new(file), &name).collect()
}

impl Row {
    fn read(line: &str) -> Result<Self> {
        let fields: Map<String, Value> =
            serde_json::from_str(line).context("not a JSON object such as {\"id\": \"1\", \"text\": \"...\"}")?;
        let row = Self { fields };
        if row.fields.get("text").and_then(Value::as_str).is_none() {
            bail!("text: missing or no string");
        }
        for field in ["author", "date", "label", "source"] {
            if !matches!(row.fields.get(field), None | Some(Value::Null | Value::String(_))) {
                bail!("{field}: must be a string, null, or left out");
            }
        }
        Ok(row)
    }

    /// The comment of the row, with nothing known of it but text and author.
    pub fn comment(&self) -> v1::Comment {
        let author = self.string("author").map(|name| v1::Author { name: name.to_owned(), ..v1::Author::default() });
        v1::Comment { id: self.id(), text: self.text().to_owned(), author, ..v1::Comment::default() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.string("text").unwrap_or_default()
    }

    /// The id, as it was written.
    pub fn id(&self) -> String {
        match self.fields.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(id) => id.to_string(),
            None => String::new(),
        }
    }

    /// The source; the file's name where the row names none.
    pub fn source(&self, file: &Path) -> String {
        let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.string("source").map_or_else(stem, str::to_owned)
    }

    /// Whether it is labelled spam.
    pub fn is_spam(&self) -> Result<bool> {
        match self.string("label") {
            Some("spam") => Ok(true),
            Some("ham") => Ok(false),
            Some(other) => bail!("row {:?}: label: {other:?} is neither \"spam\" nor \"ham\"", self.id()),
            None => bail!("row {:?}: label: missing; write \"spam\" or \"ham\"", self.id()),
        }
    }

    /// The row as JSON with more fields; one that is there already is replaced.
    pub fn with(mut self, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        self.fields.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Value::Object(self.fields)
    }

    fn string(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let found = rows(text.as_bytes(), "a.jsonl").find_map(Result::err);
        found.map_or_else(String::new, |error| format!("{error:#}"))
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert!(error("{\"text\": \"a\"}\n\nnonsense").starts_with("a.jsonl, line 3: not a JSON object"));
        assert!(error("[1]").contains("not a JSON object"));
        assert_eq!(error("{\"text\": 3}"), "a.jsonl, line 1: text: missing or no string");
        assert!(error("{\"text\": \"a\", \"author\": 3}").contains("author: must be a string"));
        assert_eq!(error("{\"text\": \"\", \"author\": null, \"id\": 7, \"more\": [1]}"), "");
    }

    #[test]
    fn a_label_is_one_of_two_words() {
        let read = |line: &str| Row::read(line).and_then(|row| row.is_spam()).map_err(|error| error.to_string());
        assert_eq!(read("{\"text\": \"a\", \"label\": \"spam\"}"), Ok(true));
        assert_eq!(
            read("{\"id\": \"x\", \"text\": \"a\", \"label\": \"Spam\"}"),
            Err("row \"x\": label: \"Spam\" is neither \"spam\" nor \"ham\"".into())
        );
        assert!(read("{\"text\": \"a\"}").is_err_and(|error| error.contains("missing")));
    }
}
