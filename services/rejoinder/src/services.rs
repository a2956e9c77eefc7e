//! Each service as this process runs it: what it is given, and how it starts.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context, Result};
use rejoinder_comment_store::{CommentStore, Store, inspect::Inspect};
use rejoinder_gateway::{Akismet, Dev, Gateway, Site};
use rejoinder_notifier::{Mailer, Notifier, Sender, dkim::Signer};
use rejoinder_pipeline::{
    Log,
    health::{self, Health},
    sqlite::SqliteLog,
};
use rejoinder_spam_filter::{
    Minds, Rules, SpamFilter, Trials,
    campaign::{self, Campaigns, Following},
    external::Recheck,
    model::Model,
};
use rejoinder_validator::Validator;
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    akismet::{self, FilterCheck},
    config::{Config, Policies, SiteConfig},
    deployment,
    seams::{HeldForCheck, StoreDecisions, StoreHistory, StoreMembers},
    workers::Workers,
};

/// What the services of one process share.
pub struct House {
    /// The configuration.
    pub config: Config,
    /// The effective policies.
    pub policies: Arc<Policies>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// The comment store.
    pub store: Arc<dyn Inspect>,
    /// Whether each part can work.
    pub health: Arc<Health>,
    /// The spam filter's model.
    model: Arc<Model>,
    minds: OnceLock<Arc<Minds>>,
}

impl House {
    /// Opens the log and the store.
    pub async fn open(config: Config) -> Result<Self> {
        let log = deployment::log(&config)?;
        Self::with_log(config, log).await
    }

    /// Opens the store beside a log that is open already.
    pub async fn with_log(config: Config, log: Arc<dyn Log>) -> Result<Self> {
        let store = deployment::store(&config).await?;
        let policies = config.policies()?;
        let model = Arc::new(config.model()?);
        Ok(Self { config, policies, log, store, health: Health::new(), model, minds: OnceLock::new() })
    }

    /// Deletes old records from the embedded log, once an hour.
    pub fn retention(&self, workers: &mut Workers, log: SqliteLog) {
        let days = self.config.embedded.retention_days;
        if days == 0 {
            return;
        }
        let (age, stop) = (Duration::from_secs(days * 24 * 3600), workers.stop());
        workers.spawn("retention", async move {
            loop {
                let log = log.clone();
                match tokio::task::spawn_blocking(move || log.prune(age)).await? {
                    Ok(0) => {}
                    Ok(deleted) => tracing::info!(deleted, "old records deleted from the log"),
                    Err(error) => tracing::warn!(%error, "old records could not be deleted, trying again in an hour"),
                }
                if stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(3600))).await.is_none() {
                    return Ok(());
                }
            }
        });
    }

    /// No workers yet.
    pub fn workers(&self) -> Result<Workers> {
        Workers::new(&self.config, Arc::clone(&self.log), Arc::clone(&self.health))
    }

    fn history(&self) -> Arc<StoreHistory> {
        let store: Arc<dyn Store> = self.store.clone();
        Arc::new(StoreHistory(store))
    }

    /// Starts the validator.
    pub fn validator(&self, workers: &mut Workers) -> Result<()> {
        let (policies, history) = (Arc::clone(&self.policies), self.history());
        workers.start(move || Ok(Validator::new(Arc::clone(&policies.validation), history.clone())))
    }

    /// Starts the spam filter, and what tells it of other filters' comments and of moderators' decisions.
    pub fn spam_filter(&self, workers: &mut Workers) -> Result<()> {
        let (policies, history) = (Arc::clone(&self.policies), self.history());
        let externals = akismet::externals(&self.config.sites)?;
        let trials = self.trials(workers)?;
        for (site, external) in externals.iter() {
            let rules = Rules::new(self.policies.screening[site].clone())?;
            let store = Arc::new(HeldForCheck(Arc::clone(&self.store)));
            let recheck = Recheck::new(Arc::clone(external), rules, store, self.log.publisher()?);
            let stop = workers.stop();
            workers.spawn("recheck", async move {
                recheck.run(stop).await;
                Ok(())
            });
        }
        let minds = self.minds(workers);
        let campaigns = self.campaigns(workers)?;
        workers.start(move || {
            let filter = SpamFilter::new(&policies.screening, history.clone(), Arc::clone(&campaigns))?;
            let filter = filter.with_externals(Arc::clone(&externals)).with_minds(Arc::clone(&minds));
            Ok(match &trials {
                Some(trials) => filter.with_trials(Arc::clone(trials)),
                None => filter,
            })
        })
    }

    /// What is on trial, where anything is.
    fn trials(&self, workers: &mut Workers) -> Result<Option<Arc<Trials>>> {
        if self.policies.trials.is_empty() {
            return Ok(None);
        }
        let sites = self.policies.trials.iter();
        let sites = sites.map(|(site, trial)| (site.clone(), (trial.name.clone(), trial.policy.clone()))).collect();
        let trials = Trials::new(sites).context("configuration, at policy.trial.screening")?;
        let Some(model) = self.config.trial_model()? else { return Ok(Some(Arc::new(trials))) };
        Ok(Some(Arc::new(trials.with_minds(self.learning(workers, "trial-learner", Arc::new(model))))))
    }

    /// The learned model, which follows moderators' decisions for as long as the workers run. All parts of a process share
    /// one.
    fn minds(&self, workers: &mut Workers) -> Arc<Minds> {
        let minds = self.minds.get_or_init(|| self.learning(workers, "learner", Arc::clone(&self.model)));
        Arc::clone(minds)
    }

    /// A model that follows moderators' decisions for as long as the workers run.
    fn learning(&self, workers: &mut Workers, name: &'static str, model: Arc<Model>) -> Arc<Minds> {
        let minds = Arc::new(Minds::new(model));
        let (follower, decisions) = (Arc::clone(&minds), StoreDecisions(Arc::clone(&self.store)));
        let stop = workers.stop();
        workers.spawn(name, async move {
            stop.run_until_cancelled(follower.follow(&decisions)).await;
            Ok(())
        });
        minds
    }

    /// What the filter knows of campaigns: from all filters' screenings, and from moderators' decisions, which what waits
    /// follows.
    fn campaigns(&self, workers: &mut Workers) -> Result<Arc<Campaigns>> {
        let campaigns = Arc::new(Campaigns::new(&self.policies.screening).awaiting_decisions());
        let (log, known, stop) = (Arc::clone(&self.log), Arc::clone(&campaigns), workers.stop());
        workers.spawn("campaigns", async move {
            let stopped = move || stop.is_cancelled();
            Ok(tokio::task::spawn_blocking(move || campaign::follow(log.as_ref(), &known, stopped)).await?)
        });
        let following = Following::new(
            &self.policies.screening,
            Arc::clone(&campaigns),
            Arc::new(StoreDecisions(Arc::clone(&self.store))),
            Arc::new(StoreMembers(Arc::clone(&self.store))),
            self.history(),
            self.log.publisher()?,
        )?;
        let stop = workers.stop();
        workers.spawn("decisions", async move {
            following.run(stop).await;
            Ok(())
        });
        Ok(campaigns)
    }

    /// Starts the comment store.
    pub fn comment_store(&self, workers: &mut Workers) -> Result<()> {
        let store: Arc<dyn Store> = self.store.clone();
        workers.start(move || Ok(CommentStore::new(Arc::clone(&store))))
    }

    /// Starts the notifier: the stage that fills the outbox, and the sender that empties it.
    pub async fn notifier(&self, workers: &mut Workers) -> Result<()> {
        let outbox = deployment::outbox(&self.config).await?;
        let (sites, wake) = (&self.policies.notification, Arc::new(Notify::new()));
        let sender = Sender::new(
            self.config.mail.clone(),
            Arc::clone(sites),
            deployment::token_keys(&self.config)?,
            Arc::clone(&outbox),
            self.history(),
            Mailer::from_settings(&self.config.mail).context("mail")?,
            Arc::clone(&wake),
        )
        .signed(Signer::from_settings(&self.config.mail).context("mail")?);
        let sites = Arc::clone(sites);
        workers.start(move || Ok(Notifier::new(Arc::clone(&sites), Arc::clone(&outbox), Arc::clone(&wake))))?;
        let (stop, health) = (workers.stop(), Arc::clone(&self.health));
        workers.spawn("mail", async move {
            sender.run(stop, health).await;
            Ok(())
        });
        Ok(())
    }

    /// Starts the gateway on a listener of [`listen`].
    pub fn gateway(&self, workers: &mut Workers, listener: TcpListener, dev: Option<Dev>) -> Result<()> {
        let validation = Arc::clone(&self.policies.validation);
        let sites = self.config.sites.iter().map(|(name, site)| (name.clone(), self.site(name, site)));
        let gateway = Gateway {
            publisher: self.log.publisher()?,
            store: self.store.clone(),
            sites: Arc::new(sites.collect()),
            tokens: deployment::token_keys(&self.config)?,
            check: Arc::new(move |event| match validation.get(&event.site) {
                Some(policy) => match rejoinder_validator::check_fields(event, policy) {
                    Ok(_) => Ok(()),
                    Err(errors) => Err(errors.into_iter().map(Into::into).collect()),
                },
                // The gateway knows the sites, and has answered 404 before it asks.
                None => Ok(()),
            }),
            akismet: self.akismet(workers)?,
            health: Arc::clone(&self.health),
            settings: self.config.gateway.clone(),
            dev,
        };
        let stop = workers.stop();
        workers.spawn("gateway", async move {
            Ok(rejoinder_gateway::serve(listener, rejoinder_gateway::router(gateway), stop).await?)
        });
        Ok(())
    }

    /// The Akismet interface, where a site has a key for it.
    fn akismet(&self, workers: &mut Workers) -> Result<Option<Akismet>> {
        let keys = self.config.akismet_keys()?;
        if keys.is_empty() {
            return Ok(None);
        }
        Ok(Some(Akismet { keys, filter: Arc::new(FilterCheck::new(&self.policies.screening, self.minds(workers))?) }))
    }

    fn site(&self, name: &str, site: &SiteConfig) -> Site {
        Site {
            title: site.title(name).to_owned(),
            origins: site.origins.clone(),
            moderators: site.moderators.iter().map(|moderator| moderator.name.clone()).collect(),
            require_name_email: self.policies.validation.get(name).is_none_or(|policy| policy.require_name_email),
        }
    }

    /// Serves the workers' probe pages.
    pub async fn probes(&self, workers: &mut Workers) -> Result<()> {
        let listener = listen(&self.config.probes.listen, "probes.listen").await?;
        let (router, stop) = (health::probes(Arc::clone(&self.health)), workers.stop());
        workers.spawn("probes", async move {
            Ok(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?)
        });
        Ok(())
    }
}

/// Binds the address of a configuration key.
pub async fn listen(address: &str, key: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}
