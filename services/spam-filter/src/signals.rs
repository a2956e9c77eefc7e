//! What can speak for or against a comment. Each file is one kind of evidence, each function one signal.

use rejoinder_proto::v1::{self, Verdict};

use crate::{Facts, ModelScore, Rules, Signal, reading::Reading};

mod author;
pub(crate) mod campaign;
mod contact;
mod form;
mod letters;
mod links;
mod listed;
mod obfuscated;
mod repeat;
mod scripts;

pub(crate) use author::{standing, standing_is_asked};

/// The signals' stable names.
pub mod name {
    /// The text has links.
    pub const LINKS: &str = "links";
    /// A word of the hold list.
    pub const HOLD_WORDS: &str = "hold_words";
    /// A word of the reject list.
    pub const REJECT_WORDS: &str = "reject_words";
    /// Words that spam likes.
    pub const SUSPECT_WORDS: &str = "suspect_words";
    /// The invisible field was filled in.
    pub const HONEYPOT: &str = "honeypot";
    /// The form was sent too soon.
    pub const FAST_FORM: &str = "fast_form";
    /// Mostly capitals.
    pub const SHOUTING: &str = "shouting";
    /// One character many times in a row.
    pub const CHARACTER_RUN: &str = "character_run";
    /// The same text a short time before.
    pub const REPEATED_TEXT: &str = "repeated_text";
    /// Nearly the same as many others.
    pub const CAMPAIGN: &str = "campaign";
    /// Nearly the same as others that moderators have called spam.
    pub const CAMPAIGN_DECIDED: &str = "campaign_decided";
    /// One of many comments by one author or from one address in a short time.
    pub const BURST: &str = "burst";
    /// Letters of two scripts that look alike, in one word.
    pub const SCRIPT_MIX: &str = "script_mix";
    /// Mathematical or enclosed letters as text.
    pub const STYLED_LETTERS: &str = "styled_letters";
    /// Words written so that they are not found: see [`crate::normal`].
    pub const OBFUSCATED: &str = "obfuscated";
    /// A link or domain as a name.
    pub const NAME_LINK: &str = "name_link";
    /// A phone number or messenger to turn to.
    pub const CONTACT: &str = "contact";
    /// No approved comment by this author yet, or none known.
    pub const FIRST_TIME_AUTHOR: &str = "first_time_author";
    /// The site holds everything.
    pub const PRE_MODERATION: &str = "pre_moderation";
    /// The site has no policy.
    pub const UNKNOWN_SITE: &str = "unknown_site";
    /// What another service says, or that it is still to be asked: see [`crate::external`].
    pub const EXTERNAL_CHECK: &str = "external_check";
    /// What the learned model says.
    pub const LEARNED: &str = "learned";
}

/// Everything that the comment itself, its form and its copies say.
pub(crate) fn content(comment: &v1::Comment, reading: &Reading<'_>, facts: &Facts, rules: &Rules) -> Vec<Signal> {
    let policy = rules.policy();
    let mut signals = listed::lists(comment, reading, rules);
    let vocabulary = listed::vocabulary(reading, rules);
    signals.extend(listed::suspect(&vocabulary, rules));
    signals.extend(links::links(reading, policy));
    if let Some(client) = &comment.client {
        signals.extend(form::honeypot(client, policy));
        signals.extend(form::fast(client, policy));
    }
    letters::signals(&reading.visible, policy, &mut signals);
    let mixed = scripts::disguised(&reading.visible);
    signals.extend(scripts::mix(mixed, policy));
    signals.extend(obfuscated::obfuscated(reading, mixed, policy));
    signals.extend(contact::contact(reading, &vocabulary, rules));
    if let Some(author) = &comment.author {
        signals.extend(author::name_link(author, policy));
    }
    signals.extend(campaign::campaign(comment, &facts.seen, policy));
    signals.extend(campaign::decided(&facts.seen, policy));
    signals.extend(campaign::burst(&facts.seen, policy));
    signals.extend(repeat::repeated(&facts.seen, reading, policy));
    signals.extend(facts.model.as_ref().map(learned));
    signals
}

/// The learned model's seat: its score is one more signal, weighed like the others.
fn learned(model: &ModelScore) -> Signal {
    Signal { name: name::LEARNED, weight: model.weight, reason: model.reason.clone(), at_least: model.at_least }
}

/// A signal that only adds points, unless the policy gives it none.
pub(crate) fn hint(name: &'static str, weight: f64, reason: impl FnOnce() -> String) -> Option<Signal> {
    (weight != 0.0).then(|| Signal { name, weight, reason: reason(), at_least: Verdict::Unspecified })
}

/// A word in quotation marks, as it is: debug's escapes would take Persian and Hindi words apart.
pub(crate) fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

/// Writes `1 link`, `2 links`.
fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
