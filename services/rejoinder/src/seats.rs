//! What the services take from the sites and their policies: prepared as a whole, and replaced while they work.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result};
use rejoinder_gateway::{AkismetKeys, Site};
use rejoinder_pipeline::Seat;
use rejoinder_spam_filter::{Minds, Mode, Policy, PolicyError, Rules, Screening, Trials};

use crate::{
    akismet,
    config::{Config, Policies},
};

/// Everything, ready to be in force.
pub struct Prepared {
    policies: Policies,
    screening: Screening,
    asked: HashMap<String, Rules>,
    sites: HashMap<String, Site>,
    keys: AkismetKeys,
}

impl Prepared {
    /// Of a configuration, or what is wrong with it. `on_trial` is the model on trial.
    pub fn new(config: &Config, on_trial: Option<&Arc<Minds>>) -> Result<Self> {
        let policies = config.policies()?;
        let screening = Screening::new(&policies.screening).context("configuration, at policy.screening")?;
        let (externals, trials) = (akismet::externals(&config.sites)?, trials(&policies, on_trial)?);
        Ok(Self {
            screening: Screening { externals, trials, ..screening },
            asked: asked(&policies.screening).context("configuration, at policy.screening")?,
            sites: sites(config, &policies),
            keys: config.akismet_keys()?,
            policies,
        })
    }
}

/// What the gateway knows of the sites.
fn sites(config: &Config, policies: &Policies) -> HashMap<String, Site> {
    let site = |(name, site): (&String, &crate::config::SiteConfig)| {
        let site = Site {
            title: site.title(name).to_owned(),
            origins: site.origins.clone(),
            moderators: site.moderators.iter().map(|moderator| moderator.name.clone()).collect(),
            require_name_email: policies.validation.get(name).is_none_or(|policy| policy.require_name_email),
        };
        (name.clone(), site)
    };
    config.sites.iter().map(site).collect()
}

/// The rules for those who ask over the Akismet interface: the sites' own but for their mode. Whether strangers wait for a
/// moderator is the calling blog's to say, which knows its authors.
pub fn asked(policies: &HashMap<String, Policy>) -> Result<HashMap<String, Rules>, PolicyError> {
    let mode = |policy: &Policy| Policy { mode: Mode::Post, ..policy.clone() };
    let policies = policies.iter().map(|(site, policy)| (site.clone(), mode(policy))).collect();
    Ok(Screening::new(&policies)?.rules)
}

/// What is on trial, where anything is.
fn trials(policies: &Policies, on_trial: Option<&Arc<Minds>>) -> Result<Option<Trials>> {
    if policies.trials.is_empty() {
        return Ok(None);
    }
    let sites = policies.trials.iter();
    let sites = sites.map(|(site, trial)| (site.clone(), (trial.name.clone(), trial.policy.clone()))).collect();
    let trials = Trials::new(sites).context("configuration, at policy.trial.screening")?;
    Ok(Some(match on_trial {
        Some(minds) => trials.with_minds(Arc::clone(minds)),
        None => trials,
    }))
}

/// Where each service finds what is in force.
pub struct Seats {
    /// For the validator, and for the gateway's first look.
    pub validation: Seat<HashMap<String, rejoinder_validator::Policy>>,
    /// For the spam filter.
    pub screening: Seat<Screening>,
    /// For those who ask over the Akismet interface.
    pub asked: Seat<HashMap<String, Rules>>,
    /// For the notifier.
    pub notification: Seat<HashMap<String, rejoinder_notifier::Policy>>,
    /// For the gateway.
    pub sites: Seat<HashMap<String, Site>>,
    /// Who may ask over the Akismet interface.
    pub keys: Seat<AkismetKeys>,
}

impl Seats {
    /// With what is in force from the start.
    pub fn new(prepared: Prepared) -> Self {
        Self {
            validation: Seat::new(prepared.policies.validation),
            screening: Seat::new(prepared.screening),
            asked: Seat::new(prepared.asked),
            notification: Seat::new(prepared.policies.notification),
            sites: Seat::new(prepared.sites),
            keys: Seat::new(prepared.keys),
        }
    }

    /// Replaces everything. A batch or a request in hand goes on by what it began with.
    pub fn put(&self, prepared: Prepared) {
        self.validation.put(prepared.policies.validation);
        self.screening.put(prepared.screening);
        self.asked.put(prepared.asked);
        self.notification.put(prepared.policies.notification);
        self.sites.put(prepared.sites);
        self.keys.put(prepared.keys);
    }
}
