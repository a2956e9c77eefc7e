//! A comment as a program sends it.
#![no_main]

use axum::http::{Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use rejoinder_fuzz::house::{self, SITE};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let request = Request::post(format!("/v1/sites/{SITE}/comments")).header(header::CONTENT_TYPE, "application/json");
    let answer = house::ask(request.body(data.to_vec().into()).expect("a request"));
    let sent: Option<Value> = serde_json::from_slice(data).ok();
    match answer.status {
        StatusCode::ACCEPTED => {
            let event = answer.submitted.as_ref().expect("what is accepted is on the log");
            let sent = sent.expect("JSON");
            let members = sent.as_object().expect("an object");
            let thread = event.thread.clone().unwrap_or_default();
            let author = event.author.clone().unwrap_or_default();
            for (name, text) in [
                ("body", &event.body),
                ("parent", &event.parent_id),
                ("thread", &thread.id),
                ("thread_title", &thread.title),
                ("thread_url", &thread.url),
                ("name", &author.name),
                ("email", &author.email),
                ("url", &author.url),
            ] {
                assert_eq!(text, members.get(name).and_then(Value::as_str).unwrap_or_default(), "{name}");
                assert!(!text.contains('\0'), "{name}");
            }
            let accepted: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(accepted["id"], event.id.as_str());
        }
        StatusCode::UNPROCESSABLE_ENTITY => {
            answer.is_problem();
            assert!(sent.is_some_and(|sent| sent.is_object()), "fields of something that has none");
            // What is wrong is said without the reader's words, so it does not grow with them.
            assert!(answer.body.len() < 1_000 + 4 * data.len() + 100 * data.len().min(600));
        }
        StatusCode::BAD_REQUEST => answer.is_problem(),
        status => panic!("{status}"),
    }
});
