//! A policy or a model on trial: it judges whatever the live one judges, says what it would have said, and changes nothing.

use std::{collections::HashMap, sync::Arc};

use rejoinder_proto::v1::{self, Comment, CommentScreened};

use crate::{Facts, Minds, Policy, PolicyError, Rules, Signal, screen::weigh};

/// What is on trial on the sites.
pub struct Trials {
    sites: HashMap<String, Trial>,
    minds: Option<Arc<Minds>>,
}

/// What is on trial on a site.
pub(crate) struct Trial {
    name: String,
    pub(crate) rules: Rules,
}

impl Trials {
    /// By site, the trial's name and the whole policy that is on trial; or what is wrong with one of them. A site that is not
    /// in it has no trial. The name stands in events and metrics, so it must hold nothing private.
    pub fn new(sites: HashMap<String, (String, Policy)>) -> Result<Self, PolicyError> {
        let trials = sites.into_iter().map(|(site, (name, policy))| match Rules::new(policy) {
            Ok(rules) => Ok((site, Trial { name, rules })),
            Err(source) => Err(PolicyError::Site { site, source: Box::new(source) }),
        });
        Ok(Self { sites: trials.collect::<Result<_, _>>()?, minds: None })
    }

    /// The same, with a model on trial and what moderators have taught it. Without, trials ask the live one.
    pub fn with_minds(self, minds: Arc<Minds>) -> Self {
        Self { minds: Some(minds), ..self }
    }

    /// What is on trial on a site; nothing until the model on trial knows the moderators' decisions, for which nobody waits.
    pub(crate) fn of(&self, site: &str) -> Option<&Trial> {
        self.sites.get(site).filter(|_| self.minds.as_ref().is_none_or(|minds| minds.caught_up()))
    }

    /// The model on trial.
    pub(crate) fn minds(&self) -> Option<&Arc<Minds>> {
        self.minds.as_ref()
    }
}

impl Trial {
    /// Writes into the live screening what the trial says.
    pub(crate) fn conclude(&self, comment: &Comment, content: Vec<Signal>, facts: &Facts, live: &mut CommentScreened) {
        let (_, verdict, score) = weigh(comment, content, facts, &self.rules);
        live.trials.push(v1::Trial {
            verdict: verdict.into(),
            score,
            policy_version: self.rules.version().to_owned(),
            model_version: facts.model.as_ref().map_or_else(String::new, |model| model.version.clone()),
            name: self.name.clone(),
        });
    }
}
