//! One mail, from the claimed row to the mailer.

use std::{fmt::Display, sync::Arc, time::Instant};

use chrono::Utc;
use rejoinder_pipeline::{
    moment,
    spans::{Span, SpanKind},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Parts;
use crate::{
    Claim, Claimed, Fate,
    mail::compose,
    mailer::{Failure, Step},
    settings::seconds,
};

/// How a mail under way ended.
pub(super) struct Ended {
    pub claim: Claim,
    pub attempt: u32,
    pub comment: Uuid,
    pub began: Instant,
    pub result: Result<(), Unsent>,
}

/// Why it was not handed over.
pub(super) enum Unsent {
    Mailer(Failure),
    Fate(Fate),
}

impl Parts {
    pub(super) async fn send(self: Arc<Self>, claimed: Claimed, stop: CancellationToken) -> Ended {
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            slot = self.slots.acquire() => slot.ok(),
        };
        let began = Instant::now();
        let result = match slot {
            Some(_slot) => {
                let span = Span::start(SpanKind::Client, "send mail", claimed.mail.trace);
                span.set("rejoinder.site", claimed.mail.site.clone());
                span.set("messaging.message.id", claimed.mail.comment.to_string());
                span.set("rejoinder.mail.attempt", i64::from(claimed.attempt));
                let result = span.within(self.send_now(&claimed)).await;
                match &result {
                    Ok(()) => span.set("rejoinder.mail.result", "sent"),
                    Err(Unsent::Mailer(_)) => span.fail("mailer"),
                    Err(Unsent::Fate(_)) => span.set("rejoinder.mail.result", "not_sent"),
                }
                result
            }
            None => Err(Unsent::Fate(Fate::Put { at: Utc::now(), reason: "stopped" })),
        };
        Ended { claim: claimed.claim, attempt: claimed.attempt, comment: claimed.mail.comment, began, result }
    }

    async fn send_now(&self, claimed: &Claimed) -> Result<(), Unsent> {
        let half = seconds(self.settings.lease_seconds / 2.0);
        let left = (claimed.claim.until - Utc::now()).to_std().unwrap_or_default();
        if left < half {
            return Err(Unsent::Fate(Fate::Put { at: Utc::now(), reason: "late" }));
        }
        let owed = &claimed.mail;
        let sites = self.sites.now();
        let policy = sites.get(&owed.site);
        let moderator = policy.and_then(|policy| policy.moderators.iter().find(|m| m.name == owed.moderator));
        let (Some(policy), Some(moderator)) = (policy, moderator) else {
            return Err(Unsent::Fate(Fate::Skipped { reason: "no_moderator" }));
        };
        let unwritable = |error: &dyn Display| {
            tracing::error!(%error, comment = %owed.comment, "a mail could not be written");
            Unsent::Fate(Fate::Failed { error: "unwritable".into() })
        };
        let composed = compose(owed, policy, moderator, &self.settings, &self.keys);
        let mut mail = composed.map_err(|error| unwritable(&error))?;
        if let Some(signer) = &self.signer {
            mail.bytes = signer.sign(&mail.bytes, owed.created_at).map_err(|error| unwritable(&error))?;
        }
        let lost = || Failure::Connection { step: Step::Content, detail: "took too long".into() };
        let sent = timeout(half, self.mailer.send(&mail)).await.unwrap_or_else(|_| Err(lost()));
        if sent.is_ok() {
            moment::here("mail.sent");
        }
        sent.map_err(Unsent::Mailer)
    }
}
