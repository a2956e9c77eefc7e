//! JSON Lines of comments.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result, anyhow, bail};
use rejoinder_proto::v1;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A row with all its fields, those unknown to us included, which are passed on as they were written.
pub struct Row<'a> {
    fields: Fields<'a>,
    text: Cow<'a, str>,
    author: Option<Cow<'a, str>>,
    label: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
}

/// The fields that mean something to us.
const KNOWN: [&str; 6] = ["id", "text", "author", "date", "label", "source"];

/// The fields of an object, unread. Of one that is there twice, the last counts.
#[derive(Default)]
struct Fields<'a> {
    /// In the order of [`KNOWN`].
    known: [Option<&'a RawValue>; KNOWN.len()],
    others: BTreeMap<Name<'a>, &'a RawValue>,
}

/// Borrowed where it has no escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadFields)
    }
}

struct ReadFields;

impl<'de> Visitor<'de> for ReadFields {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some((name, value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            match KNOWN.iter().position(|known| *known == name.0) {
                Some(place) => fields.known[place] = Some(value),
                None => drop(fields.others.insert(name, value)),
            }
        }
        Ok(fields)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = KNOWN.into_iter().zip(self.known).filter_map(|(name, value)| Some((name, value?)));
        serializer.collect_map(known.chain(self.others.iter().map(|(name, value)| (name.0.as_ref(), *value))))
    }
}

impl<'a> Fields<'a> {
    fn get(&self, field: &str) -> Option<&'a str> {
        let place = KNOWN.iter().position(|known| *known == field)?;
        self.known.get(place)?.map(RawValue::get)
    }

    /// What a field says, which must be a string, null, or left out.
    fn string(&self, field: &str) -> Result<Option<Cow<'a, str>>> {
        match self.get(field) {
            None | Some("null") => Ok(None),
            Some(json) => match string(json) {
                Some(string) => Ok(Some(string)),
                None => bail!("{field}: must be a string, null, or left out"),
            },
        }
    }
}

/// What a string of JSON says. One without escapes is what stands between its quotation marks.
fn string(json: &str) -> Option<Cow<'_, str>> {
    match json.strip_prefix('"')?.strip_suffix('"')? {
        plain if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// Works on each row of a reader, which is called `name` and begins with the line `first`. Empty lines are passed over; the
/// first row that cannot be read is an error that names its line, and the first error of `work` ends it.
pub fn each(
    mut reader: impl BufRead,
    name: &str,
    first: usize,
    mut work: impl FnMut(Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut line = String::new();
    for number in first.. {
        let place = || format!("{name}, line {number}");
        line.clear();
        if reader.read_line(&mut line).with_context(place)? == 0 {
            break;
        }
        if !line.trim().is_empty() {
            Row::read(&line).with_context(place).and_then(&mut work)?;
        }
    }
    Ok(())
}

/// What becomes of the rows of a file.
pub fn of_file<T>(path: &Path, mut of: impl FnMut(Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    let mut all = Vec::new();
    each(BufReader::new(file), &name, 1, |row| {
        all.push(of(row)?);
        Ok(())
    })?;
    Ok(all)
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Result<Self> {
        let fields: Fields<'a> =
            serde_json::from_str(line).context("not a JSON object such as {\"id\": \"1\", \"text\": \"...\"}")?;
        let text = fields.get("text").and_then(string).ok_or_else(|| anyhow!("text: missing or no string"))?;
        fields.string("date")?;
        let [author, label, source] = ["author", "label", "source"].map(|field| fields.string(field));
        Ok(Self { text, author: author?, label: label?, source: source?, fields })
    }

    /// The comment of the row, with nothing known of it but text and author.
    pub fn comment(&self) -> v1::Comment {
        let author = self.author.as_ref().map(|name| v1::Author { name: name.to_string(), ..v1::Author::default() });
        v1::Comment { id: self.id(), text: self.text().to_owned(), author, ..v1::Comment::default() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The id, as it was written.
    pub fn id(&self) -> String {
        let id = self.fields.get("id").unwrap_or_default();
        string(id).map_or_else(|| id.to_owned(), Cow::into_owned)
    }

    /// The source; the file's name where the row names none.
    pub fn source(&self, file: &Path) -> String {
        let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.source.as_ref().map_or_else(stem, |source| source.to_string())
    }

    /// Whether it is labelled spam.
    pub fn is_spam(&self) -> Result<bool> {
        match self.label.as_deref() {
            Some("spam") => Ok(true),
            Some("ham") => Ok(false),
            Some(other) => bail!("row {:?}: label: {other:?} is neither \"spam\" nor \"ham\"", self.id()),
            None => bail!("row {:?}: label: missing; write \"spam\" or \"ham\"", self.id()),
        }
    }

    /// The fields of the row but those that are replaced, to be written with others.
    pub fn fields_without(mut self, replaced: &[&str]) -> impl Serialize + 'a {
        self.fields.others.retain(|name, _| !replaced.contains(&name.0.as_ref()));
        self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let read = each(text.as_bytes(), "a.jsonl", 1, |_| Ok(()));
        read.map_or_else(|error| format!("{error:#}"), |()| String::new())
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
    fn what_is_not_read_stays_as_it_was_written() {
        let line = r#"{"text": "a\"b", "n": 1.50, "more": {"b": [1,  2], "a": "\u00e9"}, "score": 1, "id": [7, 8]}"#;
        let row = Row::read(line).expect("a row");
        assert_eq!((row.text(), row.id().as_str()), ("a\"b", "[7, 8]"));
        let written = serde_json::to_string(&row.fields_without(&["score"])).expect("JSON");
        assert_eq!(written, r#"{"id":[7, 8],"text":"a\"b","more":{"b": [1,  2], "a": "\u00e9"},"n":1.50}"#);
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
