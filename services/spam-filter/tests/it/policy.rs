//! The policy as a file, its checks and its version.

use std::collections::HashSet;

use proptest::prelude::*;
use rejoinder_spam_filter::{Mode, Policy, PolicyError, Rules};
use rstest::rstest;

#[test]
fn an_empty_file_is_the_default_and_a_written_one_is_read_back() {
    assert_eq!(toml::from_str::<Policy>("").ok(), Some(Policy::default()));
    let written = toml::to_string(&Policy::default()).expect("serialises");
    assert_eq!(toml::from_str::<Policy>(&written).ok(), Some(Policy::default()));
    let short = toml::from_str::<Policy>("mode = \"pre\"\nhold_words = [\"a\"]\n[suspect_words]\n\"b c\" = 2.5\n");
    let expected = Policy {
        mode: Mode::Pre,
        hold_words: vec!["a".into()],
        suspect_words: [("b c".to_owned(), 2.5)].into(),
        ..Policy::default()
    };
    assert_eq!(short.ok(), Some(expected));
}

#[test]
fn an_unknown_key_or_mode_is_named() {
    let toml = toml::from_str::<Policy>("hold_att = 3.0").expect_err("no such key").to_string();
    assert!(toml.contains("hold_att"), "{toml}");
    let json = serde_json::from_str::<Policy>(r#"{"link_wieght": 1}"#).expect_err("no such key").to_string();
    assert!(json.contains("link_wieght"), "{json}");
    let mode = toml::from_str::<Policy>("mode = \"first\"").expect_err("no such mode").to_string();
    assert!(mode.contains("first") && mode.contains("first_time"), "{mode}");
}

#[rstest]
#[case(Policy { hold_at: f64::NAN, ..Policy::default() }, "hold_at")]
#[case(Policy { spam_at: f64::INFINITY, ..Policy::default() }, "spam_at")]
#[case(Policy { link_weight: -1.0, ..Policy::default() }, "link_weight")]
#[case(Policy { suspect_words: [("vodka".into(), -0.5)].into(), ..Policy::default() }, "vodka")]
#[case(Policy { shouting_share: 70.0, ..Policy::default() }, "shouting_share")]
#[case(Policy { hold_at: 11.0, ..Policy::default() }, "spam_at (10) is below hold_at (11)")]
#[case(Policy { hold_at: 0.0, ..Policy::default() }, "mode = \"pre\"")]
fn a_number_that_cannot_be_meant_is_named(#[case] policy: Policy, #[case] part: &str) {
    let error: PolicyError = Rules::new(policy).expect_err("cannot be in force");
    assert!(error.to_string().contains(part), "{error}");
}

/// Every field, changed alone.
fn changes() -> Vec<Policy> {
    let json = serde_json::to_value(Policy::default()).expect("serialises");
    let fields = json.as_object().expect("an object");
    let changed = fields.iter().map(|(field, value)| {
        let mut changed = fields.clone();
        let value = match value {
            serde_json::Value::String(_) => "pre".into(),
            serde_json::Value::Number(number) if number.is_u64() => (number.as_u64().unwrap_or(0) + 1).into(),
            serde_json::Value::Number(number) => (number.as_f64().unwrap_or(0.0) + 0.1).into(),
            serde_json::Value::Bool(value) => (!value).into(),
            serde_json::Value::Array(_) => vec!["word"].into(),
            _ => serde_json::json!({"word": 1.0}),
        };
        changed.insert(field.clone(), value);
        serde_json::from_value(changed.into()).expect("still a policy")
    });
    changed.collect()
}

#[test]
fn the_version_tells_every_change() {
    let mut all = changes();
    all.push(Policy::default());
    let versions: HashSet<String> = all.iter().map(Policy::version).collect();
    assert_eq!(versions.len(), all.len());
    assert!(versions.iter().all(|v| v.len() == 12 && v.bytes().all(|b| b"0123456789abcdef".contains(&b))));
}

proptest! {
    #[test]
    fn equal_policies_have_equal_versions_and_others_have_not(
        weights in proptest::collection::vec(0..3u32, 4),
        words in proptest::collection::vec("[ab\",]{0,2}", 0..3),
        other_weights in proptest::collection::vec(0..3u32, 4),
        other_words in proptest::collection::vec("[ab\",]{0,2}", 0..3),
    ) {
        let policy = |w: &[u32], words: &[String]| Policy {
            hold_at: f64::from(w[0]),
            spam_at: f64::from(w[1]),
            run_length: w[2],
            link_weight: f64::from(w[3]) / 10.0,
            hold_words: words.to_vec(),
            suspect_words: words.iter().map(|word| (word.clone(), 1.0)).collect(),
            ..Policy::default()
        };
        let (a, b) = (policy(&weights, &words), policy(&other_weights, &other_words));
        prop_assert_eq!(a == b, a.version() == b.version());
        prop_assert_eq!(a.version(), policy(&weights, &words).version());
    }
}
