//! A comment as a plain HTML form sends it.
#![no_main]

use axum::http::{Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use rejoinder_fuzz::house::{self, ORIGIN, SITE};
use url::Url;

/// Where the gateway is for a browser.
const HERE: &str = "https://comments.example";

fuzz_target!(|data: &[u8]| {
    let request = Request::post(format!("/v1/sites/{SITE}/comments"))
        .header(header::ACCEPT, "text/html")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = house::ask(request.body(data.to_vec().into()).expect("a request"));
    // The lenient parser of browsers reads what ours reads, and more.
    let typed: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    let value = |name: &str| typed.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    match answer.status {
        StatusCode::OK | StatusCode::SEE_OTHER | StatusCode::ACCEPTED => {
            let event = answer.submitted.as_ref().expect("what is accepted is on the log");
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
                assert_eq!(text, value(name), "{name} is as it was typed");
                assert!(!text.contains('\0'), "{name}");
                assert!(typed.iter().filter(|(known, _)| known == name).count() <= 1, "{name} was given twice");
            }
        }
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => assert!(answer.submitted.is_none()),
        status => panic!("{status}"),
    }
    if answer.status == StatusCode::SEE_OTHER {
        let target = Url::parse(HERE).and_then(|here| here.join(answer.header(header::LOCATION))).expect("an address");
        let origin = target.origin().ascii_serialization();
        assert!([HERE, ORIGIN].contains(&origin.as_str()), "the browser is sent to {target}");
    }
    // What was typed stands on the page escaped; shorter texts may stand in the page itself.
    for (name, text) in typed.iter().filter(|(_, text)| text.len() >= 12 && text.contains(['<', '"'])) {
        assert!(!answer.body.contains(text), "{name} stands on the page as it was typed");
    }
});
