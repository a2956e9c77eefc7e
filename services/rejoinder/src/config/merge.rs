use serde_json::Value;

/// Lays `over` upon `base`: tables key by key, anything else whole.
pub fn merge(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut merged = base.clone();
            for (key, value) in over {
                let value = base.get(key).map_or_else(|| value.clone(), |below| merge(below, value));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (base, Value::Null) => base.clone(),
        (_, over) => over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_site_changes_only_what_it_names() {
        let base = json!({"a": {"x": 1, "list": [1, 2]}, "b": true});
        let over = json!({"a": {"list": [3]}, "c": null});
        assert_eq!(merge(&base, &over), json!({"a": {"x": 1, "list": [3]}, "b": true, "c": null}));
        assert_eq!(merge(&base, &Value::Null), base);
    }
}
