use std::{fmt, str::FromStr};

/// The topics, each with one typed message. The key of every record is `site/thread`, so a thread keeps its order.
///
/// | topic | message | written by | read by |
/// | --- | --- | --- | --- |
/// | `comments.submitted` | `CommentSubmitted` | sites, gateway | validator |
/// | `comments.validated` | `CommentValidated` | validator | spam-filter |
/// | `comments.rejected` | `CommentRejected` | validator, comment-store | comment-store, sites |
/// | `comments.screened` | `CommentScreened` | spam-filter | comment-store, notifier |
/// | `comments.moderated` | `CommentModerated` | gateway, the operator | comment-store, notifier |
/// | `comments.published` | `CommentPublished` | comment-store | sites |
/// | `comments.dead-letter` | `DeadLetter` | every stage | the operator |
/// | `comments.dead-letter-settled` | `DeadLetterSettled` | the operator | the operator |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// A reader pressed the button.
    Submitted,
    /// A comment indeed.
    Validated,
    /// Not a comment, and why.
    Rejected,
    /// A comment with the filter's verdict.
    Screened,
    /// A person decided.
    Moderated,
    /// What readers see has changed.
    Published,
    /// A record that a stage could not use.
    DeadLetter,
    /// What an operator did about a dead letter.
    DeadLetterSettled,
}

impl Topic {
    /// Every topic, in the order of the flow.
    pub const ALL: [Topic; 8] = [
        Topic::Submitted,
        Topic::Validated,
        Topic::Rejected,
        Topic::Screened,
        Topic::Moderated,
        Topic::Published,
        Topic::DeadLetter,
        Topic::DeadLetterSettled,
    ];

    /// The topic's name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Submitted => "comments.submitted",
            Topic::Validated => "comments.validated",
            Topic::Rejected => "comments.rejected",
            Topic::Screened => "comments.screened",
            Topic::Moderated => "comments.moderated",
            Topic::Published => "comments.published",
            Topic::DeadLetter => "comments.dead-letter",
            Topic::DeadLetterSettled => "comments.dead-letter-settled",
        }
    }

    /// The full name of the topic's message: the `ce_type` header, and the end of `ce_dataschema`.
    pub const fn message_name(self) -> &'static str {
        match self {
            Topic::Submitted => "rejoinder.v1.CommentSubmitted",
            Topic::Validated => "rejoinder.v1.CommentValidated",
            Topic::Rejected => "rejoinder.v1.CommentRejected",
            Topic::Screened => "rejoinder.v1.CommentScreened",
            Topic::Moderated => "rejoinder.v1.CommentModerated",
            Topic::Published => "rejoinder.v1.CommentPublished",
            Topic::DeadLetter => "rejoinder.v1.DeadLetter",
            Topic::DeadLetterSettled => "rejoinder.v1.DeadLetterSettled",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(name: &str) -> Result<Self, UnknownTopic> {
        Topic::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(|| UnknownTopic(name.to_owned()))
    }
}

/// No topic of ours has this name.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown topic {0:?}; the topics are comments.submitted, .validated, .rejected, .screened, .moderated, .published, .dead-letter and .dead-letter-settled"
)]
pub struct UnknownTopic(String);
