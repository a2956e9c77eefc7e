//! Each service as this process runs it: what it is given, and how it starts.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context, Result};
use rejoinder_comment_store::{CommentStore, Store, inspect::Inspect};
use rejoinder_gateway::{Akismet, AkismetKeys, Dev, Gateway};
use rejoinder_notifier::{Mailer, Notifier, Sender, dkim::Signer};
use rejoinder_pipeline::{
    Live, Log,
    health::{self, Health},
    sqlite::SqliteLog,
};
use rejoinder_spam_filter::{
    Minds, Screening, SpamFilter,
    campaign::{self, Campaigns, Following, Learning},
    external::Recheck,
    model::Model,
};
use rejoinder_validator::Validator;
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    akismet::FilterCheck,
    config::{Config, Layers},
    deployment,
    reload::Reload,
    seams::{HeldForCheck, StoreDecisions, StoreHistory, StoreMembers},
    seats::{Prepared, Seats},
    workers::Workers,
};

/// What the services of one process share.
pub struct House {
    /// The configuration.
    pub config: Config,
    /// Sites and policies in force.
    seats: Arc<Seats>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// The comment store.
    pub store: Arc<dyn Inspect>,
    /// Whether each part can work.
    pub health: Arc<Health>,
    /// The spam filter's model.
    model: Arc<Model>,
    minds: OnceLock<Arc<Minds>>,
    campaigns: OnceLock<Arc<Campaigns>>,
    /// The model on trial.
    on_trial: Option<Arc<Minds>>,
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
        let (model, on_trial) = (Arc::new(config.model()?), config.trial_model()?);
        let on_trial = on_trial.map(|model| Arc::new(Minds::new(Arc::new(model))));
        let seats = Arc::new(Seats::new(Prepared::new(&config, on_trial.as_ref())?));
        let (minds, campaigns) = (OnceLock::new(), OnceLock::new());
        Ok(Self { config, seats, log, store, health: Health::new(), model, minds, campaigns, on_trial })
    }

    /// Follows the file from which the configuration was read.
    pub fn reload(&self, workers: &mut Workers, file: &Path, layers: &Layers) -> Result<()> {
        let reload = Reload::new(file, layers, Arc::clone(&self.seats), self.on_trial.clone())?;
        workers.spawn("reload", reload.run(workers.stop()));
        Ok(())
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
        let (policies, history) = (self.seats.validation.live(), self.history());
        workers.start(move || Ok(Validator::new(policies.clone(), history.clone())))
    }

    /// Starts the spam filter, and what tells it of other filters' comments and of moderators' decisions.
    pub fn spam_filter(&self, workers: &mut Workers) -> Result<()> {
        let (screening, history) = (self.seats.screening.live(), self.history());
        self.rechecks(workers)?;
        if let Some(minds) = &self.on_trial {
            self.follow(workers, "trial-learner", minds, None);
        }
        let minds = self.minds(workers, None);
        let campaigns = self.followed_campaigns(workers)?;
        workers.start(move || {
            let filter = SpamFilter::new(screening.clone(), history.clone(), Arc::clone(&campaigns));
            Ok(filter.with_minds(Arc::clone(&minds)))
        })
    }

    /// Asks the sites' external checks again about what is held for them; anew when other checks or policies are in force.
    fn rechecks(&self, workers: &mut Workers) -> Result<()> {
        let (mut live, stop) = (self.seats.screening.live(), workers.stop());
        let (store, publisher) = (Arc::new(HeldForCheck(Arc::clone(&self.store))), self.log.publisher()?);
        workers.spawn("recheck", async move {
            loop {
                let now: Arc<Screening> = live.now();
                let rounds = now.externals.iter().filter_map(|(site, external)| {
                    let (rules, store) = (now.rules.get(site)?.clone(), store.clone());
                    let recheck = Recheck::new(Arc::clone(external), rules, store, Arc::clone(&publisher));
                    Some(recheck.run(stop.clone()))
                });
                let rounds = futures::future::join_all(rounds);
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = live.changed() => {}
                    _ = rounds, if !now.externals.is_empty() => return Ok(()),
                }
            }
        });
        Ok(())
    }

    /// The learned model, which follows moderators' decisions for as long as the workers run. All parts of a process share
    /// one.
    fn minds(&self, workers: &mut Workers, keys: Option<Live<AkismetKeys>>) -> Arc<Minds> {
        let minds = self.minds.get_or_init(|| {
            let minds = Arc::new(Minds::new(Arc::clone(&self.model)));
            self.follow(workers, "learner", &minds, keys);
            minds
        });
        Arc::clone(minds)
    }

    /// Lets a model follow moderators' decisions for as long as the workers run; where `keys` are given, from when there is
    /// one.
    fn follow(&self, workers: &mut Workers, name: &'static str, minds: &Arc<Minds>, keys: Option<Live<AkismetKeys>>) {
        let (follower, decisions) = (Arc::clone(minds), StoreDecisions(Arc::clone(&self.store)));
        let stop = workers.stop();
        workers.spawn(name, async move {
            let following = async {
                until_asked(keys).await;
                follower.follow(&decisions).await;
            };
            stop.run_until_cancelled(following).await;
            Ok(())
        });
    }

    /// What the filter knows of campaigns; what waits follows moderators' decisions about them.
    fn followed_campaigns(&self, workers: &mut Workers) -> Result<Arc<Campaigns>> {
        let campaigns = self.campaigns(workers, None)?;
        let following = Following::new(
            self.seats.screening.live(),
            Arc::clone(&campaigns),
            Arc::new(StoreDecisions(Arc::clone(&self.store))),
            Arc::new(StoreMembers(Arc::clone(&self.store))),
            self.history(),
            self.log.publisher()?,
        );
        let stop = workers.stop();
        workers.spawn("decisions", async move {
            following.run(stop).await;
            Ok(())
        });
        Ok(campaigns)
    }

    /// What a gateway knows of campaigns: the same as the filter of its process, where there is one. Else it follows the
    /// log from when there is a key, and hears of decisions; what waits for these is the filters' to screen again.
    fn asked_campaigns(&self, workers: &mut Workers, keys: Live<AkismetKeys>) -> Result<Arc<Campaigns>> {
        if let Some(campaigns) = self.campaigns.get() {
            return Ok(Arc::clone(campaigns));
        }
        let campaigns = self.campaigns(workers, Some(keys.clone()))?;
        let learning = Learning::new(Arc::clone(&campaigns), Arc::new(StoreDecisions(Arc::clone(&self.store))));
        let stop = workers.stop();
        workers.spawn("decisions", async move {
            if stop.run_until_cancelled(until_asked(Some(keys))).await.is_some() {
                learning.run(stop).await;
            }
            Ok(())
        });
        Ok(campaigns)
    }

    /// What is known of campaigns from all filters' screenings, and from what is put there. All parts of a process share
    /// it. Where `keys` are given, nothing is read, and so no memory is taken, before there is one.
    fn campaigns(&self, workers: &mut Workers, keys: Option<Live<AkismetKeys>>) -> Result<Arc<Campaigns>> {
        let mut changes = self.seats.screening.live();
        let campaigns = Arc::new(Campaigns::new(&self.config.policies()?.screening).awaiting_decisions());
        let campaigns = Arc::clone(self.campaigns.get_or_init(|| campaigns));
        let (limited, stop) = (Arc::clone(&campaigns), workers.stop());
        workers.spawn("campaign-limits", async move {
            while stop.run_until_cancelled(changes.changed()).await.is_some() {
                limited.limit(&changes.now());
            }
            Ok(())
        });
        let (log, known, stop) = (Arc::clone(&self.log), Arc::clone(&campaigns), workers.stop());
        workers.spawn("campaigns", async move {
            if stop.run_until_cancelled(until_asked(keys)).await.is_none() {
                return Ok(());
            }
            let stopped = move || stop.is_cancelled();
            Ok(tokio::task::spawn_blocking(move || campaign::follow(log.as_ref(), &known, stopped)).await?)
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
        let (sites, wake) = (self.seats.notification.live(), Arc::new(Notify::new()));
        let sender = Sender::new(
            self.config.mail.clone(),
            sites.clone(),
            deployment::token_keys(&self.config)?,
            Arc::clone(&outbox),
            self.history(),
            Mailer::from_settings(&self.config.mail).context("mail")?,
            Arc::clone(&wake),
        )
        .signed(Signer::from_settings(&self.config.mail).context("mail")?);
        workers.start(move || Ok(Notifier::new(sites.clone(), Arc::clone(&outbox), Arc::clone(&wake))))?;
        let (stop, health) = (workers.stop(), Arc::clone(&self.health));
        workers.spawn("mail", async move {
            sender.run(stop, health).await;
            Ok(())
        });
        Ok(())
    }

    /// Starts the gateway on a listener of [`listen`].
    pub fn gateway(&self, workers: &mut Workers, listener: TcpListener, dev: Option<Dev>) -> Result<()> {
        let validation = self.seats.validation.live();
        let gateway = Gateway {
            publisher: self.log.publisher()?,
            store: self.store.clone(),
            sites: self.seats.sites.live(),
            tokens: deployment::token_keys(&self.config)?,
            check: Arc::new(move |event| match validation.now().get(&event.site) {
                Some(policy) => match rejoinder_validator::check_fields(event, policy) {
                    Ok(_) => Ok(()),
                    Err(errors) => Err(errors.into_iter().map(Into::into).collect()),
                },
                // The gateway knows the sites, and has answered 404 before it asks.
                None => Ok(()),
            }),
            akismet: Some(self.akismet(workers)?),
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

    /// The Akismet interface.
    fn akismet(&self, workers: &mut Workers) -> Result<Akismet> {
        let keys = self.seats.keys.live();
        let minds = self.minds(workers, Some(keys.clone()));
        let campaigns = self.asked_campaigns(workers, keys.clone())?;
        Ok(Akismet { keys, filter: Arc::new(FilterCheck::new(self.seats.asked.live(), minds, campaigns)) })
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

/// Until a site has a key of these; at once where none are given.
async fn until_asked(keys: Option<Live<AkismetKeys>>) {
    if let Some(mut keys) = keys {
        keys.until(|keys| !keys.is_empty()).await;
    }
}

/// Binds the address of a configuration key.
pub async fn listen(address: &str, key: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}
