//! `/moderate/{token}`: the page behind a link in a moderator's mail. Looking never decides; only the button does.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use chrono::Utc;
use rejoinder_comment_store::{Decision, Fate, State as Stored, StoredComment};
use rejoinder_proto::{
    findings::{self, Finding},
    now,
    token::TokenError,
    v1::{Action, CommentModerated, ModerationClaim},
};
use uuid::Uuid;

use crate::{
    Problem, ProblemKind, Shared, page,
    page::CommentCard,
    read::{Segment, comment_id},
};

/// What a token allows, checked: one action on one comment by one moderator.
struct Claim {
    id: Uuid,
    action: Action,
    whole: ModerationClaim,
}

#[derive(Template)]
#[template(path = "moderate.html")]
struct Page<'a> {
    title: String,
    site: &'a str,
    /// What has just happened, or had happened before.
    done: String,
    comment: &'a CommentCard,
    text: &'a str,
    state: &'static str,
    /// What the filter made of it, and why.
    verdict: String,
    findings: Vec<Finding<'a>>,
    nothing: &'static str,
    /// The last decision, when the button would change it.
    earlier: String,
    /// The button's words; empty when there is nothing left to do.
    button: &'static str,
    action: &'static str,
    moderator: &'a str,
}

/// `GET`: shows the comment and a button. Never acts: link scanners come here too.
pub(crate) async fn show(State(shared): State<Arc<Shared>>, token: Segment) -> Response {
    answer(view(&shared, &token.0).await)
}

/// `POST`: publishes the decision, unless it has been made already.
pub(crate) async fn act(State(shared): State<Arc<Shared>>, token: Segment, headers: HeaderMap) -> Response {
    answer(decide(&shared, &token.0, &headers).await)
}

/// The token in the address is all that is needed to decide: no page may pass it on.
fn answer(result: Result<Response, Problem>) -> Response {
    let mut response = result.unwrap_or_else(|problem| page::problem(&problem));
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn view(shared: &Shared, token: &str) -> Result<Response, Problem> {
    let claim = verify(shared, token)?;
    let comment = find(shared, &claim).await?;
    Ok(shared.page(&claim, &comment, already(&claim, &comment)))
}

async fn decide(shared: &Shared, token: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let claim = verify(shared, token)?;
    let comment = find(shared, &claim).await?;
    if let Some(done) = already(&claim, &comment) {
        return Ok(shared.page(&claim, &comment, Some(done)));
    }
    let event = CommentModerated {
        id: claim.id.to_string(),
        site: comment.site.clone(),
        thread_id: comment.public.thread.clone(),
        action: claim.action.into(),
        moderator: claim.whole.moderator.clone(),
        decided_at: Some(now()),
        ..Default::default()
    };
    shared.append(&event, headers, "your decision").await?;
    let done = format!("The comment has been {} by {}.", past(claim.action), claim.whole.moderator);
    Ok(shared.page(&claim, &comment, Some(done)))
}

/// Takes a token apart. Who is no longer a moderator of the site can no longer decide, whatever the token says.
fn verify(shared: &Shared, token: &str) -> Result<Claim, Problem> {
    let refused = |error: TokenError| match error {
        TokenError::Expired => Problem::new(
            ProblemKind::Expired,
            "for safety, links in mails work for a limited time; take the link of a newer mail",
        ),
        TokenError::Invalid => {
            let detail = "it may have been cut or changed on its way; open it from the mail again";
            Problem::new(ProblemKind::Forbidden, detail)
        }
    };
    let whole = shared.gateway.tokens.verify(token, Utc::now()).map_err(refused)?;
    let id = comment_id(&whole.comment_id);
    let action = whole.action();
    let sites = shared.gateway.sites.now();
    let site = sites.get(&whole.site);
    match (id, site) {
        (Some(id), Some(site)) if matches!(action, Action::Approve | Action::Spam | Action::Trash) => {
            if site.moderators.contains(&whole.moderator) {
                Ok(Claim { id, action, whole })
            } else {
                let detail = "whom this link was made for is no longer a moderator of the site";
                Err(Problem::new(ProblemKind::Forbidden, detail))
            }
        }
        _ => Err(refused(TokenError::Invalid)),
    }
}

async fn find(shared: &Shared, claim: &Claim) -> Result<Box<StoredComment>, Problem> {
    let fate = shared.ask(shared.gateway.store.fates(&[claim.id])).await?.pop().flatten();
    match fate {
        Some(Fate::Stored(comment)) if comment.site == claim.whole.site => Ok(comment),
        Some(Fate::Stored(_)) => Err(Problem::new(ProblemKind::Forbidden, "the comment belongs to another site")),
        Some(Fate::Rejected(_)) => {
            let detail =
                "the comment was turned away, as a copy of another one or for wrong fields; there is nothing to decide";
            Err(Problem::new(ProblemKind::NotFound, detail))
        }
        None => {
            let detail = "the comment is not there yet; nothing has been decided, please try again in a moment";
            Err(Problem::new(ProblemKind::NotFound, detail).retry_after(2))
        }
    }
}

/// What to say when the last decision is this one already.
fn already(claim: &Claim, comment: &StoredComment) -> Option<String> {
    let decision = comment.decision.as_ref().filter(|decision| decision.action == claim.action)?;
    Some(format!("The comment was already {}.", told(decision)))
}

fn told(decision: &Decision) -> String {
    let Decision { action, moderator, at } = decision;
    format!("{} by {moderator} on {}", past(*action), page::date(at))
}

impl Shared {
    fn page(&self, claim: &Claim, comment: &StoredComment, done: Option<String>) -> Response {
        let sites = self.gateway.sites.now();
        let site = sites.get(&claim.whole.site).map_or("", |site| &site.title);
        let earlier = match (&comment.decision, &done) {
            (Some(decision), None) => format!("It was {}. The button changes that.", told(decision)),
            _ => String::new(),
        };
        let (action, button) = words(claim.action);
        let page = Page {
            title: if done.is_some() { format!("Comment {}", past(claim.action)) } else { format!("{button}?") },
            site: if site.is_empty() { &claim.whole.site } else { site },
            comment: &CommentCard::from(&comment.public),
            text: &comment.text,
            state: if done.is_some() { "" } else { state(comment.state) },
            verdict: findings::verdict(comment.verdict, comment.score),
            findings: findings::findings(&comment.signals).into_iter().take(findings::TOP).collect(),
            nothing: findings::NOTHING,
            earlier,
            button: if done.is_some() { "" } else { button },
            action,
            moderator: &claim.whole.moderator,
            done: done.unwrap_or_default(),
        };
        page::render(StatusCode::OK, &page, &[])
    }
}

const fn words(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Approve => ("approve", "Approve this comment"),
        Action::Spam => ("spam", "Mark this comment as spam"),
        Action::Trash => ("trash", "Move this comment to the trash"),
        // No link carries these.
        Action::Unspecified | Action::Withdraw | Action::Reset => ("", ""),
    }
}

const fn past(action: Action) -> &'static str {
    match action {
        Action::Approve => "approved",
        Action::Spam => "marked as spam",
        Action::Trash => "moved to the trash",
        Action::Unspecified | Action::Withdraw | Action::Reset => "decided",
    }
}

const fn state(state: Stored) -> &'static str {
    match state {
        Stored::Approved => "It is published.",
        Stored::Pending => "It waits for a decision.",
        Stored::Spam => "It is kept as spam, and not shown.",
        Stored::Trash => "It is in the trash.",
    }
}
