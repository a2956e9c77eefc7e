//! A news article with its comments, as a site would show them: without any script.

use std::{collections::HashMap, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use rejoinder_comment_store::{Cursor, PublicComment};
use rejoinder_proto::v1::FieldError;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    Problem, ProblemKind, Shared, Site,
    page::{self, CommentCard, ReplyForm},
    read::{Parameters, Standing, comment_id, parse_cursor},
    submit::Input,
};

const THREAD: &str = "why-swifts-hardly-ever-land";
const TITLE: &str = "Why swifts hardly ever land";
/// Comments nest so deep, counted from one; WordPress's own default.
const LEVELS: u16 = 5;
/// More than the usual page, so that links to single comments nearly always find them.
const PAGE: u32 = 200;
const RECENT: u32 = 5;
/// How long the page waits for what became of a comment just sent; the whole pipeline takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Template)]
#[template(path = "article.html")]
struct Article<'a> {
    site: &'a str,
    title: &'static str,
    recent: Vec<CommentCard>,
    comments: Vec<Placed>,
    count: u64,
    /// The query of the next page; empty at the end.
    next: String,
    notice: Option<Notice>,
    form: ReplyForm,
}

/// A comment with its place in the thread.
struct Placed {
    card: CommentCard,
    /// From zero, at most `LEVELS - 1`.
    level: u16,
    /// Whose comment it answers; empty at the top level.
    answers: String,
    parent: Option<Uuid>,
    can_be_answered: bool,
    /// Just sent by this reader.
    fresh: bool,
}

/// What became of the comment just sent.
struct Notice {
    class: &'static str,
    text: &'static str,
    errors: Vec<FieldError>,
    /// The comment, where it can be seen.
    comment: Option<Uuid>,
    /// Where a script may ask again, while it is not known.
    status_path: String,
}

/// `GET /`.
pub(super) async fn show(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    build(&shared, query).await.unwrap_or_else(|problem| page::problem(&problem))
}

async fn build(shared: &Shared, query: Option<String>) -> Result<Response, Problem> {
    let dev = shared.gateway.dev.as_ref().ok_or_else(|| Problem::new(ProblemKind::NotFound, "there is no article"))?;
    let site = shared.site(&dev.site)?;
    let query = Parameters::parse(query)?;
    let submitted = query.one("submitted")?.and_then(comment_id);
    let cursor = query.one("cursor")?.map(parse_cursor).transpose()?;
    let notice = match submitted {
        Some(id) => Some(Notice::new(id, await_standing(shared, id).await?)),
        None => None,
    };
    let store = &shared.gateway.store;
    let page = shared.ask(store.thread(&dev.site, THREAD, cursor.as_ref(), PAGE)).await?;
    let recent = shared.ask(store.recent(&dev.site, RECENT)).await?;
    let counts = shared.ask(store.counts(&dev.site, &[THREAD.to_owned()])).await?;
    let comments = place(&page.comments, submitted);
    let parent = query.one("replytocom")?.and_then(comment_id);
    let article = Article {
        site: if site.title.is_empty() { &dev.site } else { &site.title },
        title: TITLE,
        recent: recent.iter().map(CommentCard::from).collect(),
        count: counts.first().copied().unwrap_or_default(),
        next: page.next.as_ref().map(Cursor::encode).unwrap_or_default(),
        notice,
        form: form(shared, &dev.site, &site, comments.iter().find(|placed| Some(placed.card.id) == parent)),
        comments,
    };
    Ok(page::render(StatusCode::OK, &article, &[]))
}

fn form(shared: &Shared, name: &str, site: &Site, parent: Option<&Placed>) -> ReplyForm {
    let typed = Input {
        thread: THREAD.into(),
        thread_title: TITLE.into(),
        thread_url: format!("{}/", shared.gateway.settings.public_url.trim_end_matches('/')),
        parent: parent.map(|placed| placed.card.id.to_string()).unwrap_or_default(),
        ..Input::default()
    };
    ReplyForm {
        typed,
        redirect_to: "/#respond".into(),
        parent_name: parent.map(|placed| placed.card.author.clone()).unwrap_or_default(),
        cancel: "/#respond".into(),
        ..ReplyForm::new(name, site)
    }
}

/// Waits a moment for the pipeline.
async fn await_standing(shared: &Shared, id: Uuid) -> Result<Standing, Problem> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let standing = shared.standing(id).await?;
        if standing != Standing::Submitted || Instant::now() >= deadline {
            return Ok(standing);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn place(comments: &[PublicComment], fresh: Option<Uuid>) -> Vec<Placed> {
    let names: HashMap<Uuid, &str> = comments.iter().map(|c| (c.id, c.author_name.as_str())).collect();
    let placed = comments.iter().map(|comment| {
        let answers = comment.parent.map(|parent| names.get(&parent).copied().unwrap_or("an earlier comment"));
        Placed {
            card: CommentCard::from(comment),
            level: comment.depth.min(LEVELS - 1),
            answers: answers.unwrap_or_default().to_owned(),
            parent: comment.parent,
            can_be_answered: comment.depth + 1 < LEVELS,
            fresh: fresh == Some(comment.id),
        }
    });
    placed.collect()
}

impl Notice {
    fn new(id: Uuid, standing: Standing) -> Self {
        let (class, text) = match standing {
            Standing::Published => ("good", "Thank you. Your comment is published."),
            Standing::Pending => ("wait", "Your comment is awaiting moderation."),
            Standing::Rejected(_) => ("bad", "Your comment was not accepted:"),
            Standing::Removed => ("bad", "Your comment was removed by a moderator."),
            Standing::Submitted => ("wait", "Your comment has arrived and is being checked."),
        };
        let comment = (standing == Standing::Published).then_some(id);
        let status_path = if standing == Standing::Submitted { format!("/v1/comments/{id}") } else { String::new() };
        let errors = if let Standing::Rejected(errors) = standing { errors } else { Vec::new() };
        Self { class, text, errors, comment, status_path }
    }
}
