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
    external::{External, Externals},
    model::Features,
    screen_read,
};

use crate::config::SiteConfig;

/// Judges by each site's own policy.
pub struct FilterCheck {
    rules: Live<HashMap<String, Rules>>,
    minds: Arc<Minds>,
    /// One check at a time uses them, since they remember the words of those before.
    features: Mutex<Features>,
}

impl FilterCheck {
    /// By the rules of [`crate::seats::asked`].
    pub fn new(rules: impl Into<Live<HashMap<String, Rules>>>, minds: Arc<Minds>) -> Self {
        Self { rules: rules.into(), minds, features: Mutex::default() }
    }
}

#[async_trait]
impl CommentCheck for FilterCheck {
    async fn check(&self, comment: &v1::Comment) -> Result<v1::CommentScreened, Transient> {
        let rules = self.rules.now();
        let rules = rules.get(&comment.site);
        let rules = rules.ok_or_else(|| Transient::new("spam policy", "the site has none"))?;
        // Nothing is called ham by a filter that does not know yet what the site's moderators have taught.
        if !self.minds.caught_up() {
            return Err(Transient::new("decision log", "moderators' decisions have not been read yet"));
        }
        let reading = Reading::of(comment);
        // Whoever panicked left nothing behind: a comment is read anew.
        let mut features = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        let model = self.minds.opinion(comment, &reading, &mut features, rules.policy());
        drop(features);
        Ok(screen_read(comment, &reading, &Facts { model: Some(model), ..Facts::default() }, rules))
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
mod tests {
    use rejoinder_proto::v1::Verdict;
    use rejoinder_spam_filter::{Decisions, Follower, Mode, Policy, Taught, model::Model};

    use super::*;
    use crate::seats::asked;

    async fn minds() -> Arc<Minds> {
        let minds = Arc::new(Minds::new(Arc::new(Model::shipped().clone())));
        minds.catch_up(&mut Follower::default(), &Nothing).await.expect("nothing to read");
        minds
    }

    /// A decision log without decisions.
    struct Nothing;

    #[async_trait]
    impl Decisions for Nothing {
        async fn decisions_after(&self, _: i64, _: u32) -> Result<Vec<Taught>, Transient> {
            Ok(Vec::new())
        }
    }

    async fn verdict(policy: Policy, text: &str) -> Verdict {
        let rules = asked(&[("news".to_owned(), policy)].into()).expect("a good policy");
        let check = FilterCheck::new(Arc::new(rules), minds().await);
        let comment = v1::Comment { site: "news".into(), text: text.into(), ..v1::Comment::default() };
        check.check(&comment).await.expect("a verdict").verdict()
    }

    #[tokio::test]
    async fn a_stranger_is_no_reason_to_hold() {
        for mode in [Mode::FirstTime, Mode::Pre, Mode::Post] {
            let policy = Policy { mode, ..Policy::default() };
            assert_eq!(verdict(policy, "Thank you, that helped.").await, Verdict::Approve, "{mode:?}");
        }
    }

    #[tokio::test]
    async fn the_sites_own_rules_are_in_force() {
        let policy = Policy { reject_words: vec!["kazoo".into()], ..Policy::default() };
        assert_eq!(verdict(policy.clone(), "A kazoo!").await, Verdict::Spam);
        assert_eq!(verdict(policy, "<a href='https://a.example'>x</a> https://b.example").await, Verdict::Hold);
    }

    #[tokio::test]
    async fn a_site_without_a_policy_is_not_judged() {
        let check = FilterCheck::new(Arc::new(HashMap::new()), minds().await);
        let comment = v1::Comment { site: "gone".into(), ..v1::Comment::default() };
        assert!(check.check(&comment).await.is_err());
    }
}
