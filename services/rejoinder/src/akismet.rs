//! Akismet, both ways: the spam filter behind the gateway's interface, and the services that the filter itself asks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use async_trait::async_trait;
use rejoinder_external_check::AkismetCheck;
use rejoinder_gateway::CommentCheck;
use rejoinder_pipeline::{Live, Transient};
use rejoinder_proto::v1;
use rejoinder_spam_filter::{
    Facts, Minds, Reading, Rules,
    campaign::{Campaigns, Sample, Seen},
    external::{External, Externals},
    model::Features,
    screen_read,
};

use crate::config::SiteConfig;

/// Judges by each site's own policy.
pub struct FilterCheck {
    rules: Live<HashMap<String, Rules>>,
    minds: Arc<Minds>,
    campaigns: Arc<Campaigns>,
    /// One check at a time uses them, since they remember the words of those before.
    features: Mutex<Features>,
}

impl FilterCheck {
    /// By the rules of [`crate::seats::asked`].
    pub fn new(rules: impl Into<Live<HashMap<String, Rules>>>, minds: Arc<Minds>, campaigns: Arc<Campaigns>) -> Self {
        Self { rules: rules.into(), minds, campaigns, features: Mutex::default() }
    }

    /// What came before that is like it. One that `counts` leaves a sample; nothing of the others is kept.
    fn seen(&self, comment: &v1::Comment, reading: &Reading<'_>, counts: bool) -> Seen {
        let Some(sample) = Sample::read(comment, reading) else { return Seen::default() };
        let mut index = self.campaigns.lock();
        if counts { index.insert(&sample, None) } else { index.look_up(sample.id) }
    }
}

#[async_trait]
impl CommentCheck for FilterCheck {
    async fn check(&self, comment: &v1::Comment, counts: bool) -> Result<v1::CommentScreened, Transient> {
        let rules = self.rules.now();
        let rules = rules.get(&comment.site);
        let rules = rules.ok_or_else(|| Transient::new("spam policy", "the site has none"))?;
        // Nothing is called ham by a filter that does not know yet what the site's moderators have taught.
        if !self.minds.caught_up() || !self.campaigns.is_ready() {
            return Err(Transient::new("decision log", "moderators' decisions have not been read yet"));
        }
        let reading = Reading::of(comment);
        // Whoever panicked left nothing behind: a comment is read anew.
        let mut features = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        let model = self.minds.opinion(comment, &reading, &mut features, rules.policy());
        drop(features);
        let facts = Facts { seen: self.seen(comment, &reading, counts), model: Some(model), previously_approved: None };
        Ok(screen_read(comment, &reading, &facts, rules))
    }
}

/// The services that the sites ask. All workers of a process share them, and so what is known of who does not answer.
pub fn externals(sites: &HashMap<String, SiteConfig>) -> Result<Externals> {
    let with_check = sites.iter().filter_map(|(name, site)| Some((name, site.external_check.as_ref()?)));
    let externals = with_check.map(|(name, settings)| {
        let check = AkismetCheck::new(settings).with_context(|| format!("sites.{name}.external_check"))?;
        Ok((name.clone(), Arc::new(External::new(name, Arc::new(check), settings.terms()))))
    });
    externals.collect()
}

#[cfg(test)]
mod tests;
