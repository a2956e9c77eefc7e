use axum::http::StatusCode;
use rejoinder_gateway::Settings;
use rejoinder_proto::v1::CommentSubmitted;
use rstest::rstest;

use crate::{
    fakes::Behaviour,
    house::{GOOD_FORM, House, form},
};

#[tokio::test]
async fn a_form_gets_a_page() {
    let house = House::new();
    let answer = house.submit_form(GOOD_FORM).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(answer.body.contains("Thank you"), "{}", answer.body);
    assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(house.log.last::<CommentSubmitted>().author.expect("an author").email, "ann@example.org");
}

#[tokio::test]
async fn a_form_that_asks_for_json_gets_json() {
    let house = House::new();
    let mut request = form(GOOD_FORM);
    request.headers_mut().insert("accept", "application/json".parse().expect("a header value"));
    let answer = house.send(request).await;
    assert_eq!(answer.json()["id"], house.log.last::<CommentSubmitted>().id);
}

#[rstest]
#[case("/a%23respond", "/a?submitted=ID#respond")]
#[case("/a", "/a?submitted=ID#comment-ID")]
#[case("https%3A%2F%2Fnews.example%2Fa", "https://news.example/a?submitted=ID#comment-ID")]
#[tokio::test]
async fn a_form_returns_to_its_page(#[case] redirect_to: &str, #[case] expected: &str) {
    let house = House::new();
    let answer = house.submit_form(format!("{GOOD_FORM}&redirect_to={redirect_to}")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let id = house.log.last::<CommentSubmitted>().id;
    assert_eq!(answer.header("location"), expected.replace("ID", &id));
}

#[rstest]
#[case("%2F%2Fevil.example")]
#[case("%2F%5Cevil.example")]
#[case("%2F.%2F%2Fevil.example")]
#[case("%2F%09%2Fevil.example")]
#[case("https%3A%2F%2Fevil.example%2F")]
#[case("https%3A%2F%2Fblog.example%2F")]
#[case("https%3A%2F%2Fnews.example%40evil.example")]
#[case("javascript%3Aalert(1)")]
#[case("%2Fa%0D%0ASet-Cookie%3A%20a=b")]
#[tokio::test]
async fn a_form_never_leads_elsewhere(#[case] redirect_to: &str) {
    let house = House::new();
    let answer = house.submit_form(format!("{GOOD_FORM}&redirect_to={redirect_to}")).await;
    assert_eq!(house.log.len(), 1, "the comment counts all the same");
    assert_eq!(answer.header("set-cookie"), "");
    let location = answer.header("location");
    assert!(location.is_empty() || (location.starts_with("/a") && !location.contains("evil")), "{location}");
}

#[tokio::test]
async fn what_was_typed_comes_back_escaped() {
    let house = House::new();
    let typed = "thread=a&thread_title=%3Cb%3Etitle&name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&email=&url=x%22y&redirect_to=/a%22b\
                 &body=%0AFirst%0A%3C/textarea%3E%3Cscript%3Ealert(2)%3C/script%3E";
    let answer = house.submit_form(typed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = &answer.body;
    assert!(!page.contains("<script>alert") && !page.contains("<b>title") && !page.contains("x\"y"), "{page}");
    assert!(page.contains("alert(2)") && page.contains("alert(1)") && page.contains("email is required"), "{page}");
    assert!(page.contains("aria-invalid") && page.contains("href=\"#email\""), "{page}");
    // A browser drops one line break after <textarea>; the reader's own must survive.
    assert!(page.contains("required>\n\nFirst"), "{page}");
    assert!(answer.header("content-security-policy").ends_with("form-action 'self' https://news.example"));
    assert_eq!(house.log.len(), 0);
}

#[rstest]
#[case::percent("thread=a&body=100%")]
#[case::not_utf8("thread=a&body=%ff")]
#[case::twice("thread=a&body=x&body=y")]
#[tokio::test]
async fn a_form_that_cannot_be_read_is_a_400(#[case] body: &str) {
    let house = House::new();
    let answer = house.submit_form(body.to_owned()).await;
    assert_eq!((answer.status, house.log.len()), (StatusCode::BAD_REQUEST, 0));
    assert!(answer.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn nul_in_a_form_is_a_422() {
    let answer = House::new().submit_form(format!("{GOOD_FORM}%00")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("body holds a NUL character"), "{}", answer.body);
}

#[tokio::test]
async fn a_reader_keeps_the_text_when_the_log_is_away_or_the_limit_reached() {
    let house = House::with(Settings { submit_per_minute: 1, submit_burst: 1, ..Settings::default() });
    house.log.set(Behaviour::Fail);
    let away = house.submit_form(GOOD_FORM).await;
    assert_eq!((away.status, away.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert!(away.body.contains("Hello</textarea>"), "{}", away.body);
    let limited = house.submit_form(GOOD_FORM).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(limited.body.contains("Hello</textarea>") && !limited.header("retry-after").is_empty());
}

#[tokio::test]
async fn the_hidden_fields_speak() {
    let house = House::new();
    let shown_at = rejoinder_proto::millis(Some(&rejoinder_proto::now())) - 3_000;
    house.submit_form(format!("{GOOD_FORM}&subject=Buy&shown_at={shown_at}&submit=Post")).await;
    let client = house.log.last::<CommentSubmitted>().client.expect("a client");
    assert!(client.honeypot_filled);
    let seconds = client.form_seconds.expect("the form was open for a while");
    assert!((3.0..60.0).contains(&seconds), "{seconds}");
}
