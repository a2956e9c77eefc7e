//! `docs/configuration.md`: every key with its type, its default and its reason.

use std::fmt::Write;

use serde_json::Value;

use super::{
    documented::{Entry, documented},
    schema::schema,
};

const HEAD: &str = "# Configuration

Written by `rejoinder config reference` from [deploy/rejoinder.toml](../deploy/rejoinder.toml) and the types of the code; a test fails when it is stale.

A file of your own needs only what differs from these defaults: `rejoinder --config FILE ...`, or `REJOINDER_CONFIG=FILE`. It is laid over them key by
key, and the environment over both: `REJOINDER__KAFKA__BROKERS` sets `kafka.brokers`; a value that starts with `[` or `{` is read as JSON.

| command | does |
| --- | --- |
| `rejoinder config check FILE` | says everything that is wrong with a file, by key and with what to write instead, and with the files that it names (`--no-files` leaves those out); exits with 1 |
| `rejoinder config show` | prints what is in force, each value with its source, secrets hidden |
| `rejoinder config schema` | prints the JSON Schema, by which editors complete and check the file: `#:schema ./rejoinder.schema.json` in its first line |
| `rejoinder config default` | prints the file with every default |

Keys under `[policy]` and `[sites]` (marked *live*) are taken over without a restart, see [operating.md](operating.md); all others at the next start.
";

/// The whole page.
pub fn reference() -> String {
    let (schema, documented) = (schema(), documented());
    // In the order of the file: keys without a section first.
    let mut entries: Vec<_> = documented.into_iter().collect();
    entries.sort_by_key(|(_, entry)| entry.line);
    let mut page = HEAD.to_owned();
    let mut section = None;
    for (path, entry) in &entries {
        let Some(shape) = shape(&schema, path) else { continue };
        let is_table =
            shape.get("properties").is_some() || shape.get("additionalProperties").is_some_and(Value::is_object);
        let own = if is_table { path.as_slice() } else { &path[..path.len() - 1] };
        if own.starts_with(&["sites", "example", "policy"].map(String::from)) {
            continue;
        }
        if section != Some(own) {
            section = Some(own);
            heading(&mut page, own, if is_table { &entry.text } else { "" });
        }
        if !is_table {
            row(&mut page, path, entry, shape);
        }
    }
    page
}

/// Whether no row has been written under the last heading.
fn is_first(page: &str) -> bool {
    page.lines().rev().take_while(|line| !line.starts_with("## ")).all(|line| !line.starts_with('|'))
}

fn heading(page: &mut String, section: &[String], text: &str) {
    let live = if section.first().is_some_and(|first| ["policy", "sites"].contains(&first.as_str())) {
        " (*live*)"
    } else {
        ""
    };
    let name = match section {
        [] => "Of the whole".to_owned(),
        section => format!("`[{}]`{live}", section.join(".").replace("sites.example", "sites.NAME")),
    };
    // Writing to a text does not fail.
    let _ = write!(page, "\n## {name}\n");
    if !text.is_empty() {
        let _ = writeln!(page, "{text}");
    }
}

fn row(page: &mut String, path: &[String], entry: &Entry, shape: &Value) {
    if is_first(page) {
        let _ = write!(page, "\n| key | type | default | what, and why |\n| --- | --- | --- | --- |\n");
    }
    let key = path.last().map_or("", String::as_str);
    let default = entry.default.as_ref().map_or_else(|| "unset".to_owned(), |default| format!("`{default}`"));
    let _ = writeln!(page, "| `{key}` | {} | {} | {} |", kind(shape), cell(&default), cell(&entry.text));
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A type in words.
fn kind(shape: &Value) -> String {
    if let Some(choices) = choices(shape) {
        return choices.join(", ");
    }
    let number = |bound: &str| shape.get(bound).and_then(Value::as_f64);
    match shape["type"].as_str() {
        Some("integer") => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => format!("integer, {least} to {most}"),
            (Some(least), None) => format!("integer, {least} or more"),
            _ => "integer".to_owned(),
        },
        Some("array") => format!("list of {}", kind(&shape["items"])),
        Some("string") if shape["writeOnly"] == true => "text, a secret".to_owned(),
        Some("string") => "text".to_owned(),
        Some("object") if shape.get("properties").is_some() => {
            let keys: Vec<_> =
                shape["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            format!("table of {}", keys.join(", "))
        }
        Some(other) => other.to_owned(),
        None => match shape["anyOf"].as_array() {
            Some(forms) => forms.iter().map(kind).collect::<Vec<_>>().join(" or "),
            None => "any".to_owned(),
        },
    }
}

/// The words that a setting may have.
fn choices(shape: &Value) -> Option<Vec<String>> {
    if let Some(words) = shape["enum"].as_array() {
        return Some(words.iter().map(|word| format!("`{word}`")).collect());
    }
    let forms = shape["oneOf"].as_array()?;
    forms.iter().map(|form| Some(format!("`{}`", form.get("const")?))).collect()
}

/// The schema at a path; a site's is that of any.
fn shape<'a>(schema: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(schema, |schema, key| {
        let property = schema.get("properties").and_then(|properties| properties.get(key));
        property.or_else(|| schema.get("additionalProperties").filter(|of_any| of_any.is_object()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        let page = reference();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        if std::env::var_os("REJOINDER_WRITE_DOCS").is_some() {
            std::fs::write(path, &page).expect("written");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page, "docs/configuration.md is stale: rejoinder config reference > docs/configuration.md");
    }
}
