use rejoinder_proto::v1::{self, Verdict};

use crate::{Rules, Signal, campaign::Seen, decide, reading::Reading, signals, strongest_first};

/// What the comment itself cannot tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Whether exactly this name and address have an approved comment on the site; `None` when it is not known, which
    /// holds the comment where the policy asks.
    pub previously_approved: Option<bool>,
    /// What came before that is like it.
    pub seen: Seen,
    /// What the learned model says; `None` when there is none.
    pub model: Option<ModelScore>,
}

/// The learned model's seat. Whoever runs the model turns its probability into points; from there on it is one signal
/// among the others, and a weight that is no number holds the comment.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore {
    /// Points; above zero speaks for spam, below zero against it.
    pub weight: f64,
    /// The least verdict: hold where the model has no opinion and a person is to be asked, else unspecified.
    pub at_least: Verdict,
    /// A clause for a moderator; see [`Signal::reason`].
    pub reason: String,
    /// Which model; goes into `model_version`.
    pub version: String,
}

/// Screens one comment. Equal arguments give equal answers.
pub fn screen(comment: &v1::Comment, facts: &Facts, rules: &Rules) -> v1::CommentScreened {
    screen_read(comment, &Reading::of(comment), facts, rules)
}

/// [`screen`] for a comment that has been read.
pub fn screen_read(comment: &v1::Comment, reading: &Reading<'_>, facts: &Facts, rules: &Rules) -> v1::CommentScreened {
    let content = signals::content(comment, reading, facts, rules);
    conclude(comment, content, facts, rules)
}

/// The verdict of [`screen_read`] and the signals behind it, the strongest first, without the event.
pub fn verdict(comment: &v1::Comment, reading: &Reading<'_>, facts: &Facts, rules: &Rules) -> (Verdict, Vec<Signal>) {
    let content = signals::content(comment, reading, facts, rules);
    let (signals, verdict, _) = weigh(comment, content, facts, rules);
    (verdict, signals)
}

/// Whether the verdict still depends on the author's standing. What is spam by its content stays spam, whoever wrote
/// it.
pub(crate) fn asks_for_author(comment: &v1::Comment, content: &[Signal], rules: &Rules) -> bool {
    signals::standing_is_asked(comment, rules.policy()) && !is_spam(content, rules)
}

/// The verdict, once the author's standing is known.
pub(crate) fn conclude(
    comment: &v1::Comment,
    signals: Vec<Signal>,
    facts: &Facts,
    rules: &Rules,
) -> v1::CommentScreened {
    let (signals, verdict, score) = weigh(comment, signals, facts, rules);
    v1::CommentScreened {
        comment: Some(comment.clone()),
        verdict: verdict.into(),
        signals: signals.into_iter().map(v1::Signal::from).collect(),
        score,
        policy_version: rules.version().to_owned(),
        model_version: facts.model.as_ref().map_or_else(String::new, |model| model.version.clone()),
        campaign: facts.seen.campaign.as_ref().map_or_else(String::new, |campaign| campaign.id.to_string()),
        ..v1::CommentScreened::default()
    }
}

/// All signals, the strongest first, with what they come to. The author's standing is none where the content is spam already.
pub(crate) fn weigh(
    comment: &v1::Comment,
    mut signals: Vec<Signal>,
    facts: &Facts,
    rules: &Rules,
) -> (Vec<Signal>, Verdict, f64) {
    if !is_spam(&signals, rules) {
        signals.extend(signals::standing(comment, facts.previously_approved, rules.policy()));
    }
    strongest_first(&mut signals);
    let (verdict, score) = decide(&signals, rules.policy());
    (signals, verdict, score)
}

/// The screening that comes after one whose signals have changed: by the policy in force, with the next revision.
pub(crate) fn judge_again(mut screened: v1::CommentScreened, rules: &Rules) -> v1::CommentScreened {
    screened.signals.sort_by(|a, b| {
        b.at_least.cmp(&a.at_least).then_with(|| b.weight.total_cmp(&a.weight)).then_with(|| a.name.cmp(&b.name))
    });
    let weighed: Vec<Signal> = screened
        .signals
        .iter()
        .map(|known| Signal { name: "", weight: known.weight, reason: String::new(), at_least: known.at_least() })
        .collect();
    let (verdict, score) = decide(&weighed, rules.policy());
    screened.set_verdict(verdict);
    let (policy_version, revision) = (rules.version().to_owned(), screened.revision.saturating_add(1));
    v1::CommentScreened { score, policy_version, revision, ..screened }
}

/// Whether these signals alone make it spam.
pub(crate) fn is_spam(signals: &[Signal], rules: &Rules) -> bool {
    decide(signals, rules.policy()).0 == Verdict::Spam
}

/// The answer for a site without a policy: a person decides.
pub(crate) fn unknown_site(comment: &v1::Comment) -> v1::CommentScreened {
    let signal = v1::Signal {
        name: signals::name::UNKNOWN_SITE.to_owned(),
        weight: 0.0,
        reason: "the site has no spam policy any more, so nothing could be checked".to_owned(),
        at_least: Verdict::Hold.into(),
    };
    v1::CommentScreened {
        comment: Some(comment.clone()),
        verdict: Verdict::Hold.into(),
        signals: vec![signal],
        ..v1::CommentScreened::default()
    }
}
