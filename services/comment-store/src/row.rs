//! The row that a comment or a rejection becomes, and the row that a decision becomes.
//!
//! One table keeps one row per id, whatever became of it, so its primary key decides for good which came first: a
//! comment, or a rejection. A decision or a reply that comes before its comment leaves an [`RowState::Awaited`] row there,
//! so that the two find each other even when two connections write them at the same instant.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;
use rejoinder_proto::v1;
use uuid::Uuid;

use crate::{Answered, State, StoreError, Tally, decision_log::Entry, time};

/// What a row says about its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowState {
    /// A decision is about it or a reply answers it, and nothing else is known yet.
    Awaited,
    /// A comment.
    Stored(State),
    /// A rejection.
    Rejected,
}

impl RowState {
    /// The number in the column `state`. The indexes' conditions name them: 1 is visible, 1 to 3 hold their
    /// fingerprint, 1 to 4 are comments.
    pub const fn code(self) -> i16 {
        match self {
            RowState::Awaited => 0,
            RowState::Stored(State::Approved) => 1,
            RowState::Stored(State::Pending) => 2,
            RowState::Stored(State::Spam) => 3,
            RowState::Stored(State::Trash) => 4,
            RowState::Rejected => 5,
        }
    }

    /// Reads the column `state`.
    pub fn from_code(code: i16) -> Result<Self, StoreError> {
        Ok(match code {
            0 => RowState::Awaited,
            1 => RowState::Stored(State::Approved),
            2 => RowState::Stored(State::Pending),
            3 => RowState::Stored(State::Spam),
            4 => RowState::Stored(State::Trash),
            5 => RowState::Rejected,
            other => return Err(StoreError::Refused(format!("a row has the unknown state {other}"))),
        })
    }
}

/// A row of `comments`, about to be written. What a rejection or an awaited row does not have is empty.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The comment's id.
    pub id: Uuid,
    /// Its state.
    pub state: RowState,
    /// The site.
    pub site: &'a str,
    /// The page's id.
    pub thread: &'a str,
    /// The page's address.
    pub thread_url: &'a str,
    /// The page's title.
    pub thread_title: &'a str,
    /// When the page was published.
    pub thread_published_at: Option<DateTime<Utc>>,
    /// Whether the page took no more comments.
    pub thread_closed: bool,
    /// The comment that it answers, whether stored or not.
    pub parent: Option<Uuid>,
    /// See [`crate::tree`].
    pub path: Vec<u8>,
    /// The comment that is still to come, when this one or an ancestor of it answers it: the whole branch stands at the top
    /// level until then.
    pub waits_for: Option<Uuid>,
    /// The author's name.
    pub author_name: &'a str,
    /// The author's address in lower case, so that two spellings are one author.
    pub author_email: Cow<'a, str>,
    /// The author's page.
    pub author_url: &'a str,
    /// Markdown.
    pub body: &'a str,
    /// Sanitised HTML.
    pub html: &'a str,
    /// The reader's IP.
    pub client_ip: &'a str,
    /// The reader's browser.
    pub client_user_agent: &'a str,
    /// The page that the reader came from.
    pub client_referrer: &'a str,
    /// Whether the hidden field was filled in.
    pub honeypot_filled: bool,
    /// Seconds from showing the form to sending it.
    pub form_seconds: Option<f64>,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
    /// See `v1::Comment::fingerprint`.
    pub fingerprint: &'a [u8],
    /// Partition and offset of the submitted event; -1 when not known.
    pub origin: (i32, i64),
    /// `v1::Verdict` as a number; 0 when there is none.
    pub verdict: i16,
    /// The signals, as a `CommentScreened` that holds nothing else.
    pub signals: Vec<u8>,
    /// The sum of their weights.
    pub score: f64,
    /// Hash of the policy in force.
    pub policy_version: &'a str,
    /// The learned model's version.
    pub model_version: &'a str,
    /// Which screening these are of; see `v1::CommentScreened::revision`.
    pub revision: i32,
    /// The campaign that it found; empty when none.
    pub campaign: &'a str,
    /// `changed_at` of the event that followed from the first screening when the row was written; a replay repeats it. What
    /// followed from later ones stands in [`crate::ledger::Ledger::rescreenings`].
    pub announced_at: Option<DateTime<Utc>>,
    /// What was wrong, as a `CommentRejected` that holds nothing else.
    pub errors: Vec<u8>,
}

/// Identifies a decision, and orders the decisions about one comment: the greatest is in force.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionKey {
    /// When it was made.
    pub at: DateTime<Utc>,
    /// `v1::Action` as a number.
    pub action: i16,
    /// Who made it.
    pub moderator: String,
}

/// What a change asks for, parsed.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// Keep a comment; the state is what the verdict says, and the path is not known yet.
    Comment(Box<Row<'a>>),
    /// Keep a rejection.
    Rejection(Box<Row<'a>>),
    /// Take a decision.
    Decision(Uuid, DecisionKey, Option<Reported<'a>>),
    /// Take back what was learnt.
    Lesson(Entry),
}

/// A comment that came with the decision about it, from where the pipeline does not hold it.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'a> {
    /// Its site.
    pub site: &'a str,
    /// The comment.
    pub comment: &'a v1::Comment,
}

impl<'a> Item<'a> {
    /// The id that it is about.
    pub fn id(&self) -> Uuid {
        match self {
            Item::Comment(row) | Item::Rejection(row) => row.id,
            Item::Decision(id, ..) => *id,
            Item::Lesson(entry) => entry.id,
        }
    }

    /// The comment that it brings.
    pub fn comment(&self) -> Option<&Row<'a>> {
        match self {
            Item::Comment(row) => Some(row),
            Item::Rejection(_) | Item::Decision(..) | Item::Lesson(_) => None,
        }
    }

    /// Whether it most likely is about something that is known, so that the database is better asked first.
    pub fn is_about_something_known(&self) -> bool {
        match self {
            Item::Comment(row) => row.revision > 0,
            Item::Decision(..) => true,
            Item::Rejection(_) | Item::Lesson(_) => false,
        }
    }
}

impl<'a> Row<'a> {
    /// The row of an id of which nothing is known, but that it may come.
    pub fn awaited(id: Uuid) -> Self {
        Self {
            id,
            state: RowState::Awaited,
            site: "",
            thread: "",
            thread_url: "",
            thread_title: "",
            thread_published_at: None,
            thread_closed: false,
            parent: None,
            path: Vec::new(),
            waits_for: None,
            author_name: "",
            author_email: Cow::Borrowed(""),
            author_url: "",
            body: "",
            html: "",
            client_ip: "",
            client_user_agent: "",
            client_referrer: "",
            honeypot_filled: false,
            form_seconds: None,
            submitted_at: DateTime::UNIX_EPOCH,
            fingerprint: &[],
            origin: (-1, -1),
            verdict: 0,
            signals: Vec::new(),
            score: 0.0,
            policy_version: "",
            model_version: "",
            revision: 0,
            campaign: "",
            announced_at: None,
            errors: Vec::new(),
        }
    }

    /// What readers are told when it becomes visible or goes away at `at`.
    pub fn event(&self, visibility: v1::Visibility, at: DateTime<Utc>) -> v1::CommentPublished {
        v1::CommentPublished {
            id: self.id.to_string(),
            site: self.site.to_owned(),
            thread: Some(self.thread()),
            parent_id: self.parent.map(|id| id.to_string()).unwrap_or_default(),
            author_name: self.author_name.to_owned(),
            author_url: self.author_url.to_owned(),
            html: self.html.to_owned(),
            submitted_at: Some(time::to_message(self.submitted_at)),
            visibility: visibility.into(),
            changed_at: Some(time::to_message(at)),
        }
    }

    /// When readers see what follows from a screening. The event has no time of its own, and a replay must say the same: a
    /// later screening counts as so many microseconds later than the submission.
    pub fn screened_at(&self) -> DateTime<Utc> {
        self.submitted_at + TimeDelta::microseconds(self.revision.into())
    }

    /// The comment, with its author's address in lower case.
    pub fn comment(&self) -> v1::Comment {
        v1::Comment {
            id: self.id.to_string(),
            site: self.site.to_owned(),
            thread: Some(self.thread()),
            parent_id: self.parent.map(|id| id.to_string()).unwrap_or_default(),
            author: Some(v1::Author {
                name: self.author_name.to_owned(),
                email: self.author_email.clone().into_owned(),
                url: self.author_url.to_owned(),
            }),
            text: self.body.to_owned(),
            html: self.html.to_owned(),
            client: Some(v1::Client {
                ip: self.client_ip.to_owned(),
                user_agent: self.client_user_agent.to_owned(),
                referrer: self.client_referrer.to_owned(),
                honeypot_filled: self.honeypot_filled,
                // SQLite has one zero, PostgreSQL has two, and both must say the same.
                form_seconds: self.form_seconds.map(|seconds| seconds + 0.0),
            }),
            submitted_at: Some(time::to_message(self.submitted_at)),
            fingerprint: self.fingerprint.to_vec(),
            origin: origin_message(self.origin),
        }
    }

    /// The comment with its last screening.
    pub fn screened(&self) -> Result<v1::CommentScreened, StoreError> {
        Ok(v1::CommentScreened {
            comment: Some(self.comment()),
            verdict: self.verdict.into(),
            signals: signals_from(&self.signals)?,
            score: self.score,
            policy_version: self.policy_version.to_owned(),
            model_version: self.model_version.to_owned(),
            revision: self.revision,
            campaign: self.campaign.to_owned(),
            ..v1::CommentScreened::default()
        })
    }

    fn thread(&self) -> v1::Thread {
        v1::Thread {
            id: self.thread.to_owned(),
            url: self.thread_url.to_owned(),
            title: self.thread_title.to_owned(),
            published_at: self.thread_published_at.map(time::to_message),
            closed: self.thread_closed,
        }
    }

    /// The rejection that a row of state [`RowState::Rejected`] keeps.
    pub fn rejection(&self) -> Result<v1::CommentRejected, StoreError> {
        Ok(v1::CommentRejected {
            id: self.id.to_string(),
            site: self.site.to_owned(),
            thread_id: self.thread.to_owned(),
            errors: errors_from(&self.errors)?,
            submitted_at: Some(time::to_message(self.submitted_at)),
            origin: origin_message(self.origin),
        })
    }
}

/// The columns `origin_partition` and `origin_offset` as a message; a row without an origin gives -1 and -1.
pub fn known_origin((partition, offset): (i32, i64)) -> v1::Origin {
    v1::Origin { partition, offset }
}

/// The origin of a message; a row that does not know it has -1 and -1.
fn origin_message((partition, offset): (i32, i64)) -> Option<v1::Origin> {
    (offset >= 0).then_some(v1::Origin { partition, offset })
}

/// Reads the column `errors`.
pub fn errors_from(bytes: &[u8]) -> Result<Vec<v1::FieldError>, StoreError> {
    let message = v1::CommentRejected::decode(bytes);
    Ok(message.map_err(|_| StoreError::Refused("a row's errors cannot be read".into()))?.errors)
}

/// Reads the column `signals`.
pub fn signals_from(bytes: &[u8]) -> Result<Vec<v1::Signal>, StoreError> {
    let message = v1::CommentScreened::decode(bytes);
    Ok(message.map_err(|_| StoreError::Refused("a row's signals cannot be read".into()))?.signals)
}

/// Writes the column `errors`.
pub fn errors_to(errors: &[v1::FieldError]) -> Vec<u8> {
    v1::CommentRejected { errors: errors.to_vec(), ..Default::default() }.encode_to_vec()
}

impl Answered {
    /// What a row under the same site says of its comment.
    pub fn of(state: RowState, thread: String) -> Self {
        match state {
            RowState::Stored(state) => Answered::Stored { thread, state },
            RowState::Rejected | RowState::Awaited => Answered::Never,
        }
    }
}

impl Tally {
    /// Counts `number` rows of a state.
    pub fn add(&mut self, state: RowState, number: u64) {
        match state {
            RowState::Awaited => {}
            RowState::Stored(State::Approved) => self.approved += number,
            RowState::Stored(State::Pending) => self.pending += number,
            RowState::Stored(State::Spam) => self.spam += number,
            RowState::Stored(State::Trash) => self.trash += number,
            RowState::Rejected => self.rejected += number,
        }
    }
}
