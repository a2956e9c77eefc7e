//! The style sheet, the small script and the icon of our pages.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use crate::{Problem, ProblemKind, read::Segment};

/// `GET /assets/{file}`.
pub(crate) async fn serve(file: Segment) -> Response {
    let (media_type, content) = match file.0.as_str() {
        "style.css" => ("text/css; charset=utf-8", include_str!("../assets/style.css")),
        "comments.js" => ("text/javascript; charset=utf-8", include_str!("../assets/comments.js")),
        "icon.svg" => ("image/svg+xml", include_str!("../assets/icon.svg")),
        _ => return Problem::new(ProblemKind::NotFound, "there is no such file").into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        // A minute only: the names stay the same from release to release.
        (header::CACHE_CONTROL, "public, max-age=60"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}
