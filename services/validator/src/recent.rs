use std::sync::Arc;

use chrono::{DateTime, Utc};
use rejoinder_pipeline::{Position, Received, Window};
use rejoinder_proto::v1;
use uuid::Uuid;

use crate::{Fields, Fingerprint};

/// What is still in flight: decided here, perhaps not yet in the store. Lives and dies with the worker; one that starts
/// empty asks the store alone.
#[derive(Debug)]
pub struct Recent {
    ids: Window<Uuid, Option<Place>>,
    fingerprints: Window<Fingerprint, Uuid>,
    comments: Window<Arc<str>, DateTime<Utc>>,
}

/// Where an accepted comment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    site: Box<str>,
    thread: Box<str>,
}

impl Recent {
    /// Remembers about this many comments.
    pub fn new(comments: usize) -> Self {
        Self {
            ids: Window::new(comments),
            fingerprints: Window::new(comments),
            // By address and by IP.
            comments: Window::new(comments * 2),
        }
    }

    /// Forgets what a batch that comes again had left behind.
    pub fn rewind(&mut self, batch: &[Received<v1::CommentSubmitted>]) {
        self.ids.rewind(batch);
        self.fingerprints.rewind(batch);
        self.comments.rewind(batch);
    }

    /// Where the submitted event of this id stood.
    pub fn position(&self, id: Uuid) -> Option<Position> {
        self.ids.get(&id).map(|(position, _)| position)
    }

    /// Whether `id` was accepted on this thread; `None` when nothing is known of it.
    pub fn is_on(&self, id: Uuid, site: &str, thread: &str) -> Option<bool> {
        let (_, place) = self.ids.get(&id)?;
        Some(place.as_ref().is_some_and(|place| &*place.site == site && &*place.thread == thread))
    }

    /// The comment with this fingerprint.
    pub fn same(&self, fingerprint: &Fingerprint) -> Option<Uuid> {
        self.fingerprints.get(fingerprint).map(|(_, id)| *id)
    }

    /// When the last comment of this address or IP, see [`author_key`], was submitted.
    pub fn last_comment_at(&self, author: &str) -> Option<DateTime<Utc>> {
        self.comments.get(&Arc::from(author)).map(|(_, at)| *at)
    }

    /// Remembers an accepted comment.
    pub fn accept(&mut self, position: Position, id: Uuid, fingerprint: Fingerprint, fields: &Fields) {
        let place = Place { site: fields.site.as_str().into(), thread: fields.thread.id.as_str().into() };
        self.ids.insert(position, id, Some(place));
        self.fingerprints.insert(position, fingerprint, id);
        for author in author_keys(fields) {
            self.comments.insert(position, author.into(), fields.submitted_at);
        }
    }

    /// Remembers that an id was rejected: it is known, but cannot be answered, and counts for nothing else.
    pub fn reject(&mut self, position: Position, id: Uuid) {
        self.ids.insert(position, id, None);
    }
}

/// Under which names a comment's author is remembered on its site: by address and by IP, as far as they are given.
pub fn author_keys(fields: &Fields) -> impl Iterator<Item = String> {
    // Neither can be taken for the other: one holds an `@`, the other does not.
    let email = (!fields.author.email.is_empty()).then(|| format!("{}\0{}", fields.site, fields.email_key()));
    let ip = (!fields.client.ip.is_empty()).then(|| format!("{}\0{}", fields.site, fields.client.ip));
    email.into_iter().chain(ip)
}
