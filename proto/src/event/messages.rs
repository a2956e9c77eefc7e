//! The topic, key and time of each message.

use pbjson_types::Timestamp;

use super::{Message, thread_key};
use crate::{Topic, v1};

impl Message for v1::CommentSubmitted {
    const TOPIC: Topic = Topic::Submitted;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn key(&self) -> String {
        thread_key(&self.site, thread_id(self.thread.as_ref()))
    }

    fn time(&self) -> Option<&Timestamp> {
        self.submitted_at.as_ref()
    }
}

impl Message for v1::CommentRejected {
    const TOPIC: Topic = Topic::Rejected;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn key(&self) -> String {
        thread_key(&self.site, &self.thread_id)
    }

    fn time(&self) -> Option<&Timestamp> {
        self.submitted_at.as_ref()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let codes: Vec<&str> = self.errors.iter().map(|error| error.code.as_str()).collect();
        vec![("rejoinder.field_errors", codes.join(" "))]
    }
}

impl Message for v1::CommentModerated {
    const TOPIC: Topic = Topic::Moderated;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn key(&self) -> String {
        thread_key(&self.site, &self.thread_id)
    }

    fn time(&self) -> Option<&Timestamp> {
        self.decided_at.as_ref()
    }
}

impl Message for v1::CommentPublished {
    const TOPIC: Topic = Topic::Published;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn key(&self) -> String {
        thread_key(&self.site, thread_id(self.thread.as_ref()))
    }

    fn time(&self) -> Option<&Timestamp> {
        self.changed_at.as_ref()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("rejoinder.site", self.site.clone()),
            ("rejoinder.visibility", self.visibility().as_str_name().to_ascii_lowercase()),
        ]
    }
}

impl Message for v1::CommentValidated {
    const TOPIC: Topic = Topic::Validated;

    fn id(&self) -> &str {
        self.comment.as_ref().map_or("", |comment| &comment.id)
    }

    fn set_id(&mut self, id: String) {
        self.comment.get_or_insert_default().id = id;
    }

    fn key(&self) -> String {
        comment_key(self.comment.as_ref())
    }

    fn time(&self) -> Option<&Timestamp> {
        self.comment.as_ref().and_then(|comment| comment.submitted_at.as_ref())
    }
}

impl Message for v1::CommentScreened {
    const TOPIC: Topic = Topic::Screened;

    fn id(&self) -> &str {
        self.comment.as_ref().map_or("", |comment| &comment.id)
    }

    fn set_id(&mut self, id: String) {
        self.comment.get_or_insert_default().id = id;
    }

    fn key(&self) -> String {
        comment_key(self.comment.as_ref())
    }

    fn time(&self) -> Option<&Timestamp> {
        self.comment.as_ref().and_then(|comment| comment.submitted_at.as_ref())
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("rejoinder.site", self.comment.as_ref().map(|comment| comment.site.clone()).unwrap_or_default()),
            ("rejoinder.verdict", self.verdict().word().to_owned()),
            ("rejoinder.score", self.score.to_string()),
            ("rejoinder.policy_version", self.policy_version.clone()),
            ("rejoinder.model_version", self.model_version.clone()),
        ]
    }
}

impl Message for v1::DeadLetter {
    const TOPIC: Topic = Topic::DeadLetter;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn key(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }

    fn time(&self) -> Option<&Timestamp> {
        self.appended_at.as_ref()
    }
}

impl Message for v1::DeadLetterSettled {
    const TOPIC: Topic = Topic::DeadLetterSettled;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn key(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }

    fn time(&self) -> Option<&Timestamp> {
        self.settled_at.as_ref()
    }
}

fn thread_id(thread: Option<&v1::Thread>) -> &str {
    thread.map_or("", |thread| thread.id.as_str())
}

fn comment_key(comment: Option<&v1::Comment>) -> String {
    comment.map_or_else(String::new, |comment| thread_key(&comment.site, thread_id(comment.thread.as_ref())))
}
