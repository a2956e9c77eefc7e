use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::merge::merge;

/// One site.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SiteConfig {
    /// Its name for people.
    pub title: String,
    /// Origins whose pages may call the gateway from a browser, and that a form may return to.
    pub origins: Vec<String>,
    /// Who is asked about held comments.
    pub moderators: Vec<rejoinder_notifier::Moderator>,
    /// Keys with which the site's other systems ask over the Akismet interface. Secrets.
    #[serde(deserialize_with = "super::secrets::secrets")]
    #[schemars(with = "OneOrMore", extend("writeOnly" = true))]
    pub akismet_keys: Vec<SecretString>,
    /// A service that is asked about each comment; none by default.
    pub external_check: Option<rejoinder_external_check::Settings>,
    /// What differs from the shared policy.
    #[schemars(with = "PolicyShape")]
    pub policy: Value,
}

/// `[policy]` as it may be written: it is merged before it is read by its parts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)] // For its shape alone.
pub(super) struct PolicyShape {
    validation: rejoinder_validator::Policy,
    screening: rejoinder_spam_filter::Policy,
    trial: TrialShape,
    notification: NotificationShape,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct TrialShape {
    name: String,
    screening: rejoinder_spam_filter::Policy,
}

/// The rest of a notification policy stands in the site's own section.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct NotificationShape {
    notify_held: bool,
    show_author_address: bool,
}

/// A list of secrets, or one alone.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl SiteConfig {
    /// Its name for people: its key when it has no other.
    pub fn title<'a>(&'a self, key: &'a str) -> &'a str {
        if self.title.is_empty() { key } else { &self.title }
    }
}

/// The effective policy of each site, by concern.
pub struct Policies {
    /// For the validator, and for the gateway's first look.
    pub validation: HashMap<String, rejoinder_validator::Policy>,
    /// For the spam filter.
    pub screening: HashMap<String, rejoinder_spam_filter::Policy>,
    /// What the spam filter has on trial; a site that is not in it has nothing.
    pub trials: HashMap<String, Trial>,
    /// For the notifier.
    pub notification: HashMap<String, rejoinder_notifier::Policy>,
}

/// A site's trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its name in events and metrics.
    pub name: String,
    /// The site's policy with what is on trial laid over it.
    pub policy: rejoinder_spam_filter::Policy,
}

/// `policy.trial`
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TrialConfig {
    name: String,
    /// Settings of `policy.screening` that differ.
    screening: Value,
}

impl Default for TrialConfig {
    fn default() -> Self {
        Self { name: "trial".to_owned(), screening: Value::Null }
    }
}

impl Policies {
    /// `model` says whether a model is on trial, which then is on every site.
    pub(super) fn new(shared: &Value, sites: &HashMap<String, SiteConfig>, model: bool) -> Result<Self> {
        let (mut validation, mut screening, mut notification) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut trials = HashMap::new();
        for (name, site) in sites {
            let policy = merge(shared, &site.policy);
            for key in policy.as_object().into_iter().flatten().map(|(key, _)| key) {
                if !["validation", "screening", "trial", "notification"].contains(&key.as_str()) {
                    return Err(anyhow!(
                        "configuration, at sites.{name}.policy: unknown field `{key}`, expected one of `validation`, \
                         `screening`, `trial`, `notification`"
                    ));
                }
            }
            validation.insert(name.clone(), part(&policy, name, "validation")?);
            let screen: rejoinder_spam_filter::Policy = part(&policy, name, "screening")?;
            screen.check().with_context(|| format!("configuration, at policy.screening (for site {name})"))?;
            if let Some(trial) = trial(&policy, name, &screen, model)? {
                trials.insert(name.clone(), trial);
            }
            screening.insert(name.clone(), screen);
            let mut notify: rejoinder_notifier::Policy = part(&policy, name, "notification")?;
            notify.moderators.clone_from(&site.moderators);
            notify.title = site.title(name).to_owned();
            notify.check().with_context(|| format!("configuration, at sites.{name}"))?;
            notification.insert(name.clone(), notify);
        }
        Ok(Self { validation, screening, trials, notification })
    }
}

/// What a site has on trial.
fn trial(policy: &Value, site: &str, live: &rejoinder_spam_filter::Policy, model: bool) -> Result<Option<Trial>> {
    let TrialConfig { name, screening } = part(policy, site, "trial")?;
    let differs = screening.as_object().is_some_and(|table| !table.is_empty());
    if !differs && !model {
        return Ok(None);
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    if name.is_empty() || name.len() > 63 || !name.chars().all(is_plain) {
        return Err(anyhow!(
            "configuration, at policy.trial.name (for site {site}): write 1 to 63 letters a to z, digits, dots, hyphens and \
             underscores; it names the trial in metrics"
        ));
    }
    let over = laid_over(live, &screening).map_err(|error| at("policy.trial.screening", site, error))?;
    over.check().with_context(|| format!("configuration, at policy.trial.screening (for site {site})"))?;
    let shared = [
        ("campaign_window_seconds", over.campaign_window_seconds != live.campaign_window_seconds),
        ("burst_window_seconds", over.burst_window_seconds != live.burst_window_seconds),
        ("campaign_min_size", over.campaign_min_size < live.campaign_min_size),
    ];
    if let Some((field, _)) = shared.iter().find(|(_, differs)| *differs) {
        return Err(anyhow!(
            "configuration, at policy.trial.screening.{field} (for site {site}): it says how much is remembered of other \
             comments, which live and trial share; leave it out (campaign_min_size may be higher than the live one)"
        ));
    }
    Ok(Some(Trial { name, policy: over }))
}

/// A policy with some of its settings changed: tables key by key, anything else whole.
pub fn laid_over(
    policy: &rejoinder_spam_filter::Policy,
    over: &Value,
) -> Result<rejoinder_spam_filter::Policy, serde_path_to_error::Error<serde_json::Error>> {
    let policy = serde_json::to_value(policy).expect("numbers, words and lists always serialise");
    serde_path_to_error::deserialize(merge(&policy, over))
}

fn part<T: DeserializeOwned>(policy: &Value, site: &str, name: &str) -> Result<T> {
    let value = policy.get(name).cloned().unwrap_or_else(|| Value::Object(Default::default()));
    serde_path_to_error::deserialize(value).map_err(|error| at(&format!("policy.{name}"), site, error))
}

fn at(place: &str, site: &str, error: serde_path_to_error::Error<serde_json::Error>) -> anyhow::Error {
    let path = error.path().to_string();
    anyhow!("configuration, at {place}.{path} (for site {site}): {}", error.into_inner())
}
