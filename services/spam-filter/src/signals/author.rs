//! Who wrote it, and whether they have to wait for a person.

use rejoinder_proto::v1::{self, Verdict};

use super::{hint, name};
use crate::{Mode, Policy, Signal, links::domain_in_name};

/// A link or a domain where a name should be.
pub(super) fn name_link(author: &v1::Author, policy: &Policy) -> Option<Signal> {
    if policy.name_link_weight == 0.0 || !author.name.contains(['.', ':']) {
        return None;
    }
    let domain = domain_in_name(&author.name)?;
    hint(name::NAME_LINK, policy.name_link_weight, || format!("the author's name holds a link to {domain}"))
}

/// Whether it matters that the author was approved before: in mode `first_time`, when there is a name and an address to
/// know them by.
pub(crate) fn standing_is_asked(comment: &v1::Comment, policy: &Policy) -> bool {
    policy.mode == Mode::FirstTime && has_name_and_email(comment)
}

fn has_name_and_email(comment: &v1::Comment) -> bool {
    comment.author.as_ref().is_some_and(|author| !author.name.is_empty() && !author.email.is_empty())
}

/// What the mode asks of the author: WordPress rules 12 and 15. `approved` is `None` when nobody could tell.
pub(crate) fn standing(comment: &v1::Comment, approved: Option<bool>, policy: &Policy) -> Option<Signal> {
    let held =
        |name, weight, reason: &str| Some(Signal { name, weight, reason: reason.to_owned(), at_least: Verdict::Hold });
    let first_time = |reason| held(name::FIRST_TIME_AUTHOR, policy.first_time_weight, reason);
    match policy.mode {
        Mode::Post => None,
        Mode::Pre => held(name::PRE_MODERATION, 0.0, "the site has every comment read before it is shown"),
        Mode::FirstTime if !has_name_and_email(comment) => {
            first_time("the author gave no name or no address to be known by")
        }
        Mode::FirstTime => match approved {
            Some(true) => None,
            Some(false) => first_time("no comment under this name and address has been approved yet"),
            None => first_time("it is not known whether this author has an approved comment"),
        },
    }
}
