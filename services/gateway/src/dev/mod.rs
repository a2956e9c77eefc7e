//! What `rejoinder dev` shows: a sample article with its comments, and the mails that were sent.

mod article;
mod mailbox;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::Shared;

/// The routes of the dev mode.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(article::show))
        .route("/mailbox", get(mailbox::list))
        .route("/mailbox/{file}", get(mailbox::show))
        .route("/mailbox/{file}/html", get(mailbox::html))
}
