//! The operator's configuration: the file's text, then the environment, a field each.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The binary has no library to depend on.
#[path = "../../services/rejoinder/src"]
#[allow(dead_code, unused_imports)]
mod rejoinder {
    pub mod config;
}
use rejoinder::config::Layers;

fuzz_target!(|data: &[u8]| {
    let mut fields = rejoinder_fuzz::fields(data);
    let text = fields.next().unwrap_or_default();
    let environment: Vec<(String, String)> = fields
        .filter_map(|variable| variable.split_once('=').map(|(key, value)| (format!("REJOINDER__{key}"), value.into())))
        .collect();
    let read = Layers::of(Some(("rejoinder.toml", &text)), environment.iter().cloned());
    match read.and_then(|layers| layers.config()) {
        Ok(config) => {
            assert!(!config.sites.is_empty());
            let policies = config.policies().expect("checked on reading");
            assert_eq!(policies.validation.len(), config.sites.len());
        }
        Err(error) => {
            let words = format!("{error:#}");
            let is_toml = text.parse::<toml::Table>().is_ok();
            if !is_toml {
                assert!(words.contains("rejoinder.toml is not TOML"), "{words}");
            } else {
                let names_a_key = words.contains("configuration, at ") || words.contains("REJOINDER__");
                assert!(names_a_key || words.contains("no site is named"), "{words}");
            }
        }
    }
});
