//! The Akismet interface: whoever speaks it uses this filter by changing a host name. See `docs/akismet.md`.
//!
//! Answers are the exact bytes that clients compare with. What cannot be judged is answered with neither `true` nor
//! `false`: clients then hold the comment and ask again.

mod answer;
mod comment;
mod form;
mod keys;
mod usage;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use rejoinder_pipeline::{Live, Transient};
use rejoinder_proto::{
    now,
    v1::{Action, Comment, CommentModerated, CommentScreened, Signal, Verdict},
};
use tokio::time::timeout;
use url::Url;

use crate::{Problem, ProblemKind, Route, Shared, submit::read_body};
use answer::{Answer, Check, Invalid};
use form::Form;
use keys::KeyId;
pub use keys::{AkismetKeys, KeyError};
pub(crate) use usage::Usage;

/// The author's name that is always answered with `true`.
const SPAM_AUTHOR: &str = "viagra-test-123";
/// The author's address that is always answered with `true`.
const SPAM_EMAIL: &str = "akismet-guaranteed-spam@example.com";
/// The role that is always answered with `false`.
const TRUSTED_ROLE: &str = "administrator";
/// The signal by which a comment is spam since others like it were called so. Who is wronged by it must be seen, or nobody
/// could say so.
const OF_OTHERS: &str = "campaign_decided";
/// The longest name of a reporter that is kept, in bytes.
const MAX_REPORTER_BYTES: usize = 100;

/// What the interface works with.
#[derive(Clone)]
pub struct Akismet {
    /// Who may ask, and for which site. Without a key, nobody is served.
    pub keys: Live<AkismetKeys>,
    /// Who judges.
    pub filter: Arc<dyn CommentCheck>,
}

/// What the gateway asks the spam filter about comments that another system keeps: nothing is stored, nobody is mailed.
#[async_trait]
pub trait CommentCheck: Send + Sync {
    /// The verdict by the rules of `comment.site`. `Err` when it cannot be judged at this moment. One that `counts` is
    /// remembered, once by its id, for comments that come after it to be compared with.
    async fn check(&self, comment: &Comment, counts: bool) -> Result<CommentScreened, Transient>;
}

/// The routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        ("/1.1/verify-key", post(verify_key)),
        ("/1.1/comment-check", post(comment_check)),
        ("/1.1/submit-spam", post(submit_spam)),
        ("/1.1/submit-ham", post(submit_ham)),
        ("/1.2/usage-limit", post(usage_limit).get(usage_limit)),
    ]
}

async fn verify_key(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let verified = async {
        let call = Call::read(&shared, request).await?;
        call.blog()?;
        Ok(Answer::Valid)
    };
    answered(verified.await)
}

async fn comment_check(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answered(check(&shared, request).await)
}

async fn submit_spam(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answered(feedback(&shared, request, Action::Spam).await)
}

async fn submit_ham(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answered(feedback(&shared, request, Action::Approve).await)
}

async fn usage_limit(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let counted = async {
        let call = Call::read(&shared, request).await?;
        Ok(Answer::Usage(shared.usage.of(call.key)))
    };
    answered(counted.await)
}

fn answered(result: Result<Answer, Refused>) -> Response {
    match result {
        Ok(answer) => answer.into_response(),
        Err(Refused::Invalid(why)) => Answer::Invalid(why).into_response(),
        Err(Refused::Problem(problem)) => answer::problem(&problem),
    }
}

/// Why a call is not done.
enum Refused {
    /// The contract's own word for it, with a 200.
    Invalid(Invalid),
    /// What the contract leaves to HTTP.
    Problem(Problem),
}

impl From<Invalid> for Refused {
    fn from(why: Invalid) -> Self {
        Self::Invalid(why)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A call with a good key.
struct Call {
    form: Form,
    headers: HeaderMap,
    key: KeyId,
    site: String,
}

impl Call {
    async fn read(shared: &Shared, request: Request) -> Result<Self, Refused> {
        let keys = shared.akismet()?.keys.now();
        let (parts, body) = request.into_parts();
        let form = if parts.method == Method::GET {
            Form::parse(parts.uri.query().unwrap_or_default().as_bytes(), "")
        } else {
            let content_type = content_type(&parts.headers)?;
            let settings = &shared.gateway.settings;
            let limit = Duration::from_millis(settings.body_timeout_ms);
            let bytes = read_body(&parts.headers, body, settings.max_body_bytes, limit).await?;
            Form::parse(&bytes, &content_type)
        };
        let presented = [form.get("api_key"), form.get("key")].into_iter().find(|key| !key.is_empty());
        let presented = presented.map_or_else(|| key_in_host(&parts), str::to_owned);
        let (key, site) = keys.find(presented.trim()).ok_or(Invalid::Key)?;
        let site = site.to_owned();
        Ok(Self { form, headers: parts.headers, key, site })
    }

    /// The same for calls about a comment: they need a blog and an address, and there may be too many of them.
    async fn about_comment(shared: &Shared, request: Request) -> Result<Self, Refused> {
        let call = Self::read(shared, request).await?;
        call.blog()?;
        if call.form.get("user_ip").trim().is_empty() {
            return Err(Invalid::UserIp.into());
        }
        shared.usage.admit(&call.site, call.key).map_err(|wait| {
            let detail = "too many calls for this site in a short time; see Retry-After";
            Problem::new(ProblemKind::TooMany, detail).retry_after(wait.as_secs() + 1)
        })?;
        Ok(call)
    }

    fn blog(&self) -> Result<(), Invalid> {
        match self.form.get("blog").trim() {
            "" => Err(Invalid::NoBlog),
            blog => match Url::parse(blog) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
                _ => Err(Invalid::Blog),
            },
        }
    }

    fn is_test(&self) -> bool {
        !matches!(self.form.get("is_test").trim().to_ascii_lowercase().as_str(), "" | "0" | "false")
    }
}

async fn check(shared: &Shared, request: Request) -> Result<Answer, Refused> {
    let call = Call::about_comment(shared, request).await?;
    let comment = comment::comment(&call.site, &call.form);
    let answer = |verdict, signals| Answer::Check(Check { verdict, guid: comment.id.clone(), signals });
    let judged = match foregone(&call.form) {
        Some(verdict) => answer(verdict, Vec::new()),
        None => {
            let screened = screen(shared, &comment, !call.is_test()).await?;
            let signals = screened.signals.iter().map(|signal| signal.name.clone()).collect();
            answer(verdict(&screened)?, signals)
        }
    };
    if !call.is_test() {
        shared.usage.count(call.key);
    }
    Ok(judged)
}

/// What is answered whatever the filter says: clients try their connection out with these values. A trusted role goes
/// first, since no comment of the blog's own people may be lost.
fn foregone(form: &Form) -> Option<answer::Verdict> {
    if form.get("user_role").trim().eq_ignore_ascii_case(TRUSTED_ROLE) {
        return Some(answer::Verdict::Ham);
    }
    let tested = form.get("comment_author") == SPAM_AUTHOR || form.get("comment_author_email") == SPAM_EMAIL;
    tested.then_some(answer::Verdict::Spam)
}

async fn screen(shared: &Shared, comment: &Comment, counts: bool) -> Result<CommentScreened, Problem> {
    let limit = Duration::from_millis(shared.gateway.settings.store_timeout_ms);
    let why = match timeout(limit, shared.akismet()?.filter.check(comment, counts)).await {
        Ok(Ok(screened)) => return Ok(screened),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(site = comment.site, why, "a comment of another system could not be checked");
    Err(shared.cannot_judge())
}

/// Points alone never make a comment be thrown away unseen, and neither does what moderators said of others like it: only
/// what the site itself has called spam for certain.
fn verdict(screened: &CommentScreened) -> Result<answer::Verdict, Problem> {
    let is_certain = |signal: &Signal| signal.at_least() == Verdict::Spam && signal.name != OF_OTHERS;
    let certain = || screened.signals.iter().any(is_certain);
    match screened.verdict() {
        Verdict::Approve => Ok(answer::Verdict::Ham),
        Verdict::Hold => Ok(answer::Verdict::Review),
        Verdict::Spam if certain() => Ok(answer::Verdict::Blatant),
        Verdict::Spam => Ok(answer::Verdict::Spam),
        Verdict::Unspecified => Err(Problem::new(ProblemKind::Defect, "the filter gave no verdict")),
    }
}

/// A moderator of the blog has decided. Thanks only when the log has it.
async fn feedback(shared: &Shared, request: Request, action: Action) -> Result<Answer, Refused> {
    let call = Call::about_comment(shared, request).await?;
    if call.is_test() {
        return Ok(Answer::Thanks);
    }
    let comment = comment::comment(&call.site, &call.form);
    let event = CommentModerated {
        id: comment.id.clone(),
        site: call.site.clone(),
        thread_id: comment.thread.as_ref().map_or_else(String::new, |thread| thread.id.clone()),
        action: action.into(),
        moderator: reporter(&call),
        decided_at: Some(now()),
        comment: Some(comment),
        ..Default::default()
    };
    shared.append(&event, &call.headers, "the report").await?;
    Ok(Answer::Thanks)
}

fn reporter(call: &Call) -> String {
    let name: String = call.form.get("reporter").trim().chars().filter(|c| !c.is_control()).collect();
    match &name[..name.floor_char_boundary(MAX_REPORTER_BYTES)] {
        "" => format!("akismet:{}", call.site),
        name => name.to_owned(),
    }
}

/// The key in the older form, `<key>.host`. Names of hosts have no capitals.
fn key_in_host(parts: &Parts) -> String {
    let header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = header.or_else(|| parts.uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
    host.split_once('.').map_or("", |(label, _)| label).to_ascii_lowercase()
}

fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let value = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let value = value.unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    if media.is_empty() || media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(value);
    }
    Err(Problem::new(ProblemKind::MediaType, "send application/x-www-form-urlencoded"))
}

impl Shared {
    fn akismet(&self) -> Result<&Akismet, Problem> {
        let akismet = self.gateway.akismet.as_ref().filter(|akismet| !akismet.keys.now().is_empty());
        akismet.ok_or_else(|| Problem::new(ProblemKind::NotFound, "no site here has Akismet keys"))
    }

    fn cannot_judge(&self) -> Problem {
        let detail = "the comment cannot be checked at this moment; hold it, and ask again";
        Problem::new(ProblemKind::Unavailable, detail).retry_after(self.gateway.settings.retry_after_seconds.into())
    }
}
