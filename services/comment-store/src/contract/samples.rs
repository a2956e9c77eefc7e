//! Comments to store.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use rejoinder_proto::{from_millis, v1};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Change, FactsQuery, Saved, Store};

static OFFSET: AtomicI64 = AtomicI64::new(0);

/// A comment in the making: approved, at the top level of a thread, with an id, an origin and words of its own.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its id.
    pub id: Uuid,
    /// The event.
    pub event: v1::CommentScreened,
}

impl Sample {
    /// A comment submitted `millis` milliseconds after 1970.
    pub fn at(millis: i64) -> Self {
        let id = Uuid::now_v7();
        let comment = v1::Comment {
            id: id.to_string(),
            site: "news".into(),
            thread: Some(v1::Thread {
                id: "a".into(),
                url: "https://news.example/a".into(),
                title: "An article".into(),
                published_at: Some(from_millis(1_600_000_000_000)),
                closed: false,
            }),
            author: Some(v1::Author {
                name: "Ada".into(),
                email: "ada@reader.example".into(),
                url: "https://ada.example".into(),
            }),
            text: format!("*hello* {id}"),
            html: format!("<p><em>hello</em> {id}</p>"),
            client: Some(v1::Client {
                ip: "192.0.2.7".into(),
                user_agent: "a browser".into(),
                referrer: "https://news.example/".into(),
                honeypot_filled: false,
                form_seconds: Some(12.5),
            }),
            submitted_at: Some(from_millis(millis)),
            fingerprint: Sha256::digest(id.as_bytes()).to_vec(),
            origin: Some(v1::Origin { partition: 3, offset: OFFSET.fetch_add(1, Ordering::Relaxed) }),
            ..Default::default()
        };
        let event = v1::CommentScreened {
            comment: Some(comment),
            verdict: v1::Verdict::Approve.into(),
            policy_version: "p1".into(),
            ..Default::default()
        };
        Self { id, event }
    }

    /// Changes the comment.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut v1::Comment)) -> Self {
        change(self.event.comment.get_or_insert_default());
        self
    }

    /// Another verdict.
    #[must_use]
    pub fn verdict(mut self, verdict: v1::Verdict) -> Self {
        self.event.verdict = verdict.into();
        self
    }

    /// A later screening of the same comment.
    #[must_use]
    pub fn again(&self, revision: i32, verdict: v1::Verdict, campaign: &str) -> Self {
        let mut again = self.clone().verdict(verdict);
        again.event.revision = revision;
        again.event.campaign = campaign.into();
        again.event.score = f64::from(revision) + 0.5;
        again.event.policy_version = format!("p{revision}");
        again
    }

    /// On another thread.
    #[must_use]
    pub fn on(self, thread: &str) -> Self {
        self.with(|comment| comment.thread.get_or_insert_default().id = thread.into())
    }

    /// A reply.
    #[must_use]
    pub fn to(self, parent: Uuid) -> Self {
        self.with(|comment| comment.parent_id = parent.to_string())
    }

    /// By another author.
    #[must_use]
    pub fn by(self, name: &str, email: &str, ip: &str) -> Self {
        self.with(|comment| {
            let author = comment.author.get_or_insert_default();
            author.name = name.into();
            author.email = email.into();
            comment.client.get_or_insert_default().ip = ip.into();
        })
    }

    /// Another comment that says the same, one second later.
    pub fn copy(&self) -> Self {
        let mut copy = Self::at(self.millis() + 1000);
        copy.comment_mut().fingerprint = self.comment().fingerprint.clone();
        copy
    }

    /// The comment.
    pub fn comment(&self) -> &v1::Comment {
        self.event.comment.as_ref().expect("a sample has a comment")
    }

    fn comment_mut(&mut self) -> &mut v1::Comment {
        self.event.comment.get_or_insert_default()
    }

    /// When it was submitted, in milliseconds.
    pub fn millis(&self) -> i64 {
        rejoinder_proto::millis(self.comment().submitted_at.as_ref())
    }

    /// The change to save.
    pub fn change(&self) -> Change {
        Change::Screened(Box::new(self.event.clone()))
    }

    /// A decision about it.
    pub fn decided(&self, action: v1::Action, moderator: &str, millis: i64) -> Change {
        Change::Moderated(v1::CommentModerated {
            id: self.id.to_string(),
            site: self.comment().site.clone(),
            thread_id: "a".into(),
            action: action.into(),
            moderator: moderator.into(),
            decided_at: Some(from_millis(millis)),
            ..Default::default()
        })
    }

    /// The event that readers get of it.
    pub fn published(&self, visibility: v1::Visibility, millis: i64) -> Saved {
        let comment = self.comment();
        let author = comment.author.clone().unwrap_or_default();
        Saved::Published(Box::new(v1::CommentPublished {
            id: comment.id.clone(),
            site: comment.site.clone(),
            thread: comment.thread.clone(),
            parent_id: comment.parent_id.clone(),
            author_name: author.name,
            author_url: author.url,
            html: comment.html.clone(),
            submitted_at: comment.submitted_at,
            visibility: visibility.into(),
            changed_at: Some(from_millis(millis)),
        }))
    }

    /// The event that readers get when a screening changes what they see: so many microseconds later than the submission.
    pub fn screened(&self, visibility: v1::Visibility) -> Saved {
        let Saved::Published(mut event) = self.published(visibility, self.millis()) else { return Saved::Quiet };
        event.changed_at.get_or_insert_default().nanos += self.event.revision * 1000;
        Saved::Published(event)
    }

    /// The event that readers get when it is stored.
    pub fn visible(&self) -> Saved {
        self.published(v1::Visibility::Visible, self.millis())
    }

    /// What a validator would ask about it.
    pub fn question(&self) -> FactsQuery {
        let comment = self.comment();
        FactsQuery {
            id: self.id,
            site: comment.site.clone(),
            thread: comment.thread.clone().unwrap_or_default().id,
            parent: comment.parent_id.parse().ok(),
            fingerprint: comment.fingerprint.clone(),
            email: comment.author.clone().unwrap_or_default().email,
            ip: comment.client.clone().unwrap_or_default().ip,
            submitted_at: time(self.millis()),
        }
    }
}

/// A rejection by the validator.
pub fn rejected(id: Uuid) -> v1::CommentRejected {
    v1::CommentRejected {
        id: id.to_string(),
        site: "news".into(),
        thread_id: "a".into(),
        errors: vec![v1::FieldError {
            field: "name".into(),
            code: "required".into(),
            message: "Please give a name.".into(),
        }],
        submitted_at: Some(from_millis(1000)),
        origin: Some(v1::Origin { partition: 3, offset: OFFSET.fetch_add(1, Ordering::Relaxed) }),
    }
}

/// The changes that store some samples.
pub(super) fn changes<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Vec<Change> {
    samples.into_iter().map(Sample::change).collect()
}

/// Saves a batch that must pass.
pub(super) async fn save(store: &dyn Store, changes: &[Change]) -> Vec<Saved> {
    let saved = store.save(changes).await.expect("the batch is saved");
    assert_eq!(saved.len(), changes.len(), "one answer per change");
    saved
}

/// A point in time.
pub(super) fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).expect("a time in range")
}
