//! What a policy and a model say of a comment that was screened before.

use rejoinder_proto::v1::{self, CommentScreened};

use crate::{Facts, ModelScore, Reading, Rules, Signal, screen::conclude, signals, signals::name};

/// What only the moment could tell at which a comment was screened: other comments around it, and a service elsewhere.
const OF_THE_MOMENT: [&str; 5] =
    [name::CAMPAIGN, name::CAMPAIGN_DECIDED, name::REPEATED_TEXT, name::BURST, name::EXTERNAL_CHECK];

/// What the last screening says of the author's standing: `Some(false)` where it found none; else `None`, since it does not
/// always ask.
pub fn author_then(screened: &CommentScreened) -> Option<bool> {
    screened.signals.iter().any(|signal| signal.name == name::FIRST_TIME_AUTHOR).then_some(false)
}

/// Screens a comment again, with the next revision. What the comment says by itself is judged anew; of what only the moment
/// could tell, the last screening's signals are kept as they are, with their points, and its campaign. `reading` is of the
/// same comment; see [`Facts::previously_approved`]. `None` when there is no comment in it.
pub fn screen_again(
    screened: &CommentScreened,
    reading: &Reading<'_>,
    model: Option<ModelScore>,
    previously_approved: Option<bool>,
    rules: &Rules,
) -> Option<CommentScreened> {
    let comment = screened.comment.as_ref()?;
    let facts = Facts { previously_approved, model, ..Facts::default() };
    let mut content = signals::content(comment, reading, &facts, rules);
    content.extend(screened.signals.iter().filter_map(of_the_moment));
    let (campaign, revision) = (screened.campaign.clone(), screened.revision.saturating_add(1));
    Some(CommentScreened { campaign, revision, ..conclude(comment, content, &facts, rules) })
}

fn of_the_moment(signal: &v1::Signal) -> Option<Signal> {
    let name = OF_THE_MOMENT.into_iter().find(|name| *name == signal.name)?;
    Some(Signal { name, weight: signal.weight, reason: signal.reason.clone(), at_least: signal.at_least() })
}
