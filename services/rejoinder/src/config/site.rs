use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result, anyhow};
use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::merge::merge;

/// One site.
#[derive(Clone, Debug, Default, Deserialize)]
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
    pub akismet_keys: Vec<SecretString>,
    /// A service that is asked about each comment; none by default.
    pub external_check: Option<rejoinder_external_check::Settings>,
    /// What differs from the shared policy.
    pub policy: Value,
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
    pub validation: Arc<HashMap<String, rejoinder_validator::Policy>>,
    /// For the spam filter.
    pub screening: Arc<HashMap<String, rejoinder_spam_filter::Policy>>,
    /// For the notifier.
    pub notification: Arc<HashMap<String, rejoinder_notifier::Policy>>,
}

impl Policies {
    pub(super) fn new(shared: &Value, sites: &HashMap<String, SiteConfig>) -> Result<Self> {
        let (mut validation, mut screening, mut notification) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (name, site) in sites {
            let policy = merge(shared, &site.policy);
            for key in policy.as_object().into_iter().flatten().map(|(key, _)| key) {
                if !["validation", "screening", "notification"].contains(&key.as_str()) {
                    return Err(anyhow!(
                        "configuration, at sites.{name}.policy: unknown field `{key}`, expected one of `validation`, \
                         `screening`, `notification`"
                    ));
                }
            }
            validation.insert(name.clone(), part(&policy, name, "validation")?);
            let screen: rejoinder_spam_filter::Policy = part(&policy, name, "screening")?;
            screen.check().with_context(|| format!("configuration, at policy.screening (for site {name})"))?;
            screening.insert(name.clone(), screen);
            let mut notify: rejoinder_notifier::Policy = part(&policy, name, "notification")?;
            notify.moderators.clone_from(&site.moderators);
            notify.title = site.title(name).to_owned();
            notify.check().with_context(|| format!("configuration, at sites.{name}"))?;
            notification.insert(name.clone(), notify);
        }
        Ok(Self {
            validation: Arc::new(validation),
            screening: Arc::new(screening),
            notification: Arc::new(notification),
        })
    }
}

fn part<T: DeserializeOwned>(policy: &Value, site: &str, name: &str) -> Result<T> {
    let value = policy.get(name).cloned().unwrap_or_else(|| Value::Object(Default::default()));
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        anyhow!("configuration, at policy.{name}.{path} (for site {site}): {}", error.into_inner())
    })
}
