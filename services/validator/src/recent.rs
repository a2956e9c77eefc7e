use std::hash::{BuildHasher, RandomState};

use chrono::{DateTime, Utc};
use rejoinder_pipeline::{Position, Received, Window};
use rejoinder_proto::v1;
use uuid::Uuid;

use crate::{Fields, Fingerprint};

/// What is still in flight: decided here, perhaps not yet in the store. Lives and dies with the worker; one that starts
/// empty asks the store alone.
#[derive(Debug)]
pub struct Recent {
    ids: Window<Uuid, Option<Key>>,
    fingerprints: Window<Fingerprint, Uuid>,
    comments: Window<Key, DateTime<Utc>>,
    hashers: [RandomState; 2],
}

/// Stands for a thread, an address or an IP of a site. 128 bits of keyed hash: what is remembered of a comment then has
/// no text of its own to allocate, and nobody can find two that are equal.
type Key = u128;

impl Recent {
    /// Remembers about this many comments.
    pub fn new(comments: usize) -> Self {
        Self {
            ids: Window::new(comments),
            fingerprints: Window::new(comments),
            // By address and by IP.
            comments: Window::new(comments * 2),
            hashers: [RandomState::new(), RandomState::new()],
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
        self.ids.get(&id).map(|(_, place)| *place == Some(self.key(site, thread)))
    }

    /// The comment with this fingerprint.
    pub fn same(&self, fingerprint: &Fingerprint) -> Option<Uuid> {
        self.fingerprints.get(fingerprint).map(|(_, id)| *id)
    }

    /// When the last comments of this author were submitted: the last by the address, and the last from the IP.
    pub fn last_comments_at(&self, fields: &Fields) -> impl Iterator<Item = DateTime<Utc>> {
        self.authors(fields).filter_map(|author| self.comments.get(&author).map(|(_, at)| *at))
    }

    /// Remembers an accepted comment, to be answered or repeated.
    pub fn accept(&mut self, position: Position, id: Uuid, fingerprint: Fingerprint, fields: &Fields) {
        let place = self.key(&fields.site, &fields.thread.id);
        self.ids.insert(position, id, Some(place));
        self.fingerprints.insert(position, fingerprint, id);
    }

    /// Remembers when the author of an accepted comment wrote it.
    pub fn remember_author(&mut self, position: Position, fields: &Fields) {
        for author in self.authors(fields) {
            self.comments.insert(position, author, fields.submitted_at);
        }
    }

    /// Remembers that an id was rejected: it is known, but cannot be answered, and counts for nothing else.
    pub fn reject(&mut self, position: Position, id: Uuid) {
        self.ids.insert(position, id, None);
    }

    /// The keys of a comment's author, by address and by IP, as far as they are given.
    fn authors(&self, fields: &Fields) -> impl Iterator<Item = Key> + use<> {
        // Neither can be taken for the other: one holds an `@`, the other does not.
        let email = (!fields.author.email.is_empty()).then(|| self.key(&fields.site, &fields.email_key()));
        let ip = (!fields.client.ip.is_empty()).then(|| self.key(&fields.site, &fields.client.ip));
        email.into_iter().chain(ip)
    }

    fn key(&self, site: &str, name: &str) -> Key {
        let [high, low] = self.hashers.each_ref().map(|hasher| hasher.hash_one((site, name)));
        Key::from(high) << 64 | Key::from(low)
    }
}
