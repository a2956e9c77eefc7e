//! A call of the Akismet interface: a form in whatever characters a blog writes.
#![no_main]

use axum::http::{HeaderName, Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use rejoinder_fuzz::house::{self, AKISMET_KEY, Answer, SITE};
use rejoinder_proto::v1::{Action, CommentModerated};
use uuid::Uuid;

const CALLS: [&str; 5] =
    ["/1.1/comment-check", "/1.1/submit-spam", "/1.1/submit-ham", "/1.1/verify-key", "/1.2/usage-limit"];

/// What a blog may call its characters.
const MEDIA_TYPES: [&str; 8] = [
    "",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=windows-1251",
    "application/x-www-form-urlencoded; charset=\"Shift_JIS\"",
    "application/x-www-form-urlencoded; charset=ISO-2022-JP",
    "application/x-www-form-urlencoded; charset=utf-16le",
    "application/x-www-form-urlencoded; charset=gb18030",
    "multipart/form-data; boundary=x",
];

const GUID: HeaderName = HeaderName::from_static("x-akismet-guid");
const ERROR: HeaderName = HeaderName::from_static("x-akismet-error");

// The first byte chooses the call, and whether what every call needs stands before the rest; the second the media type.
fuzz_target!(|data: &[u8]| {
    let [first, second, rest @ ..] = data else { return };
    let call = CALLS[usize::from(first & 127) % CALLS.len()];
    let media = MEDIA_TYPES[usize::from(*second) % MEDIA_TYPES.len()];
    let with_key = first & 128 == 0;
    let mut form = match with_key {
        true => format!("api_key={AKISMET_KEY}&blog=https://blog.example/&user_ip=192.0.2.1&").into_bytes(),
        false => Vec::new(),
    };
    form.extend_from_slice(rest);

    let answer = ask(call, media, &form);
    // Browsers' parser reads the same of what is UTF-8.
    let typed: Vec<(String, String)> = form_urlencoded::parse(&form).into_owned().collect();
    if !with_key && is_plain(&form) && typed.iter().all(|(_, value)| value.trim() != AKISMET_KEY) {
        assert!(!["true", "false", "valid"].contains(&answer.body.as_str()), "{} without the key", answer.body);
        assert_eq!(answer.moderated, None, "nobody decides without the key");
    }
    match answer.status {
        StatusCode::OK => match (call, answer.body.as_str()) {
            (_, "invalid") => assert!(!answer.header(ERROR).is_empty() && answer.moderated.is_none()),
            ("/1.1/verify-key", "valid") => assert_eq!(answer.moderated, None),
            ("/1.1/comment-check", "true" | "false") => {
                our_id(answer.header(GUID));
                assert_eq!(answer.moderated, None, "a check decides nothing");
                let again = ask(call, media, &form);
                assert_eq!((&again.body, again.header(GUID)), (&answer.body, answer.header(GUID)), "the same again");
            }
            ("/1.1/submit-spam", "Thanks for making the web a better place.") => reported(&answer, Action::Spam),
            ("/1.1/submit-ham", "Thanks for making the web a better place.") => reported(&answer, Action::Approve),
            ("/1.2/usage-limit", usage) => {
                let usage: serde_json::Value = serde_json::from_str(usage).expect("JSON");
                assert!(usage["usage"].is_u64() && answer.moderated.is_none());
            }
            (_, body) => panic!("{call} was answered with {body}"),
        },
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            assert!(media.starts_with("multipart") && answer.moderated.is_none(), "{}", answer.body);
        }
        status => panic!("{status}: {}", answer.body),
    }
    if let Some(event) = &answer.moderated {
        let plain = MEDIA_TYPES[..2].contains(&media) && is_plain(&form) && !names(&typed, "blog_charset");
        let text = event.comment.as_ref().map_or("", |comment| comment.text.as_str());
        assert!(!plain || text == last(&typed, "comment_content"), "it is reported as it was typed");
    }
    // No answer holds what was typed; what stands in our own sentences has no angle bracket.
    for (_, value) in typed.iter().filter(|(_, value)| value.len() >= 3 && value.contains('<')) {
        let in_header =
            |text: &header::HeaderValue| text.as_bytes().windows(value.len()).any(|w| w == value.as_bytes());
        assert!(!answer.body.contains(value.as_str()) && !answer.headers.values().any(in_header));
    }
});

fn ask(call: &str, media: &str, form: &[u8]) -> Answer {
    let request = Request::post(call).header(header::HOST, "rest.example").header(header::CONTENT_TYPE, media);
    let answer = house::ask(request.body(form.to_vec().into()).expect("a request"));
    assert_eq!(answer.submitted, None, "nothing is submitted for moderation");
    answer
}

/// A decision that is on the log, unless the form says that it is only a test.
fn reported(answer: &Answer, action: Action) {
    let Some(event) = &answer.moderated else { return };
    assert_eq!((event.action(), event.site.as_str()), (action, SITE));
    assert!(event.decided_at.is_some() && !event.moderator.is_empty() && event.moderator.len() <= 100);
    assert!(!event.moderator.contains(char::is_control), "a name of one line");
    our_id(&event.id);
    bounded(event);
}

fn bounded(event: &CommentModerated) {
    let comment = event.comment.as_ref().expect("the comment itself, which nobody else keeps");
    let (thread, author) = (comment.thread.clone().unwrap_or_default(), comment.author.clone().unwrap_or_default());
    let client = comment.client.clone().unwrap_or_default();
    assert_eq!((comment.id.as_str(), comment.html.as_str()), (event.id.as_str(), ""));
    assert_eq!(thread.id, event.thread_id);
    for (text, most) in [
        (&thread.id, 500),
        (&thread.url, 2_000),
        (&client.ip, 64),
        (&client.user_agent, 2_000),
        (&client.referrer, 2_000),
        (&author.name, usize::MAX),
        (&author.email, usize::MAX),
        (&author.url, usize::MAX),
        (&comment.text, usize::MAX),
    ] {
        assert!(text.len() <= most, "{} bytes where {most} are the most", text.len());
        assert!(!text.contains('\0'), "no database keeps a NUL");
    }
}

/// A UUIDv7 of the time zero, which no comment of the pipeline has.
fn our_id(id: &str) {
    let uuid = Uuid::parse_str(id).expect("a UUID");
    assert!(uuid.get_version_num() == 7 && uuid.as_bytes()[..6] == [0; 6], "{id} could be a stored comment's");
}

/// Whether every field is UTF-8 without NUL, which is left out, and without ESC, with which some encodings change alphabets.
fn is_plain(form: &[u8]) -> bool {
    form.split(|byte| b"&=".contains(byte)).all(|part| {
        let mut rest = part.iter();
        let mut bytes = Vec::with_capacity(part.len());
        while let Some(byte) = rest.next() {
            let hex = rest.as_slice().get(..2).and_then(|two| std::str::from_utf8(two).ok());
            match hex.filter(|_| *byte == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
                Some(decoded) => {
                    bytes.push(decoded);
                    rest = rest.as_slice()[2..].iter();
                }
                None => bytes.push(*byte),
            }
        }
        std::str::from_utf8(&bytes).is_ok() && !bytes.contains(&0) && !bytes.contains(&0x1b)
    })
}

fn names(typed: &[(String, String)], name: &str) -> bool {
    typed.iter().any(|(known, _)| known == name)
}

fn last<'a>(typed: &'a [(String, String)], name: &str) -> &'a str {
    typed.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}
