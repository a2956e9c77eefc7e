//! What a form says of a comment.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDateTime, Utc};
use rejoinder_proto::{Timestamp, from_millis, millis, now, v1};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::form::Form;

/// Where the id of a thread is cut, in bytes: what the log's own comments may have.
const MAX_THREAD_BYTES: usize = 500;
/// Where other lines about the client are cut, in bytes.
const MAX_LINE_BYTES: usize = 2_000;
/// An IP address is shorter; what a blog puts there instead, a pseudonym say, is cut.
const MAX_IP_BYTES: usize = 64;

/// The comment. It has no HTML: what a blog was sent can be Markdown, HTML or BBCode, and the filter reads the text as it
/// is, tags and links included.
pub(super) fn comment(site: &str, form: &Form) -> v1::Comment {
    let page = [form.get("permalink"), form.get("blog")].into_iter().find(|page| !page.trim().is_empty());
    let page = cut(page.unwrap_or_default().trim(), MAX_LINE_BYTES);
    let author = v1::Author {
        name: form.get("comment_author").to_owned(),
        email: form.get("comment_author_email").to_owned(),
        url: form.get("comment_author_url").to_owned(),
    };
    let text = form.get("comment_content").to_owned();
    let fingerprint = fingerprint(&[site, &page, &author.name, &author.email, &author.url, &text]);
    let guid = [form.get("guid"), form.get("akismet_guid")].into_iter().find_map(our_guid);
    v1::Comment {
        id: guid.unwrap_or_else(|| id(&fingerprint)).to_string(),
        site: site.to_owned(),
        thread: Some(v1::Thread { id: cut(&page, MAX_THREAD_BYTES), url: page, ..v1::Thread::default() }),
        author: Some(author),
        text,
        client: Some(client(form)),
        submitted_at: Some(submitted_at(form.get("comment_date_gmt"))),
        fingerprint: fingerprint.to_vec(),
        ..v1::Comment::default()
    }
}

fn client(form: &Form) -> v1::Client {
    let ip = form.get("user_ip").trim();
    let honeypot = form.get("honeypot_field_name");
    v1::Client {
        ip: ip.parse::<IpAddr>().map_or_else(|_| cut(ip, MAX_IP_BYTES), |ip| ip.to_canonical().to_string()),
        user_agent: cut(form.get("user_agent"), MAX_LINE_BYTES),
        referrer: cut([form.get("referrer"), form.get("referer")].concat().trim(), MAX_LINE_BYTES),
        honeypot_filled: !honeypot.is_empty() && !form.get(honeypot).is_empty(),
        form_seconds: None,
    }
}

/// SHA-256 over the site and what makes two comments the same one; before each part stands its length.
fn fingerprint(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"rejoinder akismet comment 1\0");
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The same id for the same comment on every replica, without any state. A UUIDv7 in form, with a time of zero (1970) that
/// no clock gives; the rest are bits of the fingerprint.
fn id(fingerprint: &[u8; 32]) -> Uuid {
    let mut random = [0; 10];
    random.copy_from_slice(&fingerprint[..10]);
    Builder::from_unix_timestamp_millis(0, &random).into_uuid()
}

/// The guid of an earlier check, when a client gives it back. Only one of these ids: a comment that the pipeline holds
/// cannot be decided about from here.
fn our_guid(guid: &str) -> Option<Uuid> {
    let guid = Uuid::try_parse(guid.trim()).ok()?;
    (guid.get_version_num() == 7 && guid.as_bytes()[..6] == [0; 6]).then_some(guid)
}

/// When it was written, as clients write it; the present where that cannot be read or is still to come.
fn submitted_at(text: &str) -> Timestamp {
    let (text, present) = (text.trim(), now());
    let naive =
        || ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"].iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
    let at =
        DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc)).ok().or_else(|| Some(naive()?.and_utc()));
    at.map(|at| at.timestamp_millis())
        .filter(|at| (0..=millis(Some(&present))).contains(at))
        .map_or(present, from_millis)
}

fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(form: &str) -> v1::Comment {
        comment("news", &Form::parse(form.as_bytes(), ""))
    }

    #[test]
    fn an_id_follows_from_the_site_and_the_content() {
        let same = of("comment_content=a&permalink=https://b.example/p&user_ip=192.0.2.1");
        let again = of("user_agent=x&permalink=https://b.example/p&comment_content=a&user_ip=192.0.2.2");
        assert_eq!(same.id, again.id, "who sends it, and how, makes no difference");
        assert_ne!(same.id, of("comment_content=b&permalink=https://b.example/p").id);
        assert_ne!(same.id, of("comment_content=a&permalink=https://b.example/q").id);
        assert_ne!(same.id, comment("blog", &Form::parse(b"comment_content=a&permalink=https://b.example/p", "")).id);
        let id = Uuid::try_parse(&same.id).expect("a UUID");
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
    }

    #[test]
    fn a_guid_that_is_given_back_is_the_id_unless_it_is_the_pipelines() {
        let checked = of("comment_content=a").id;
        assert_eq!(of(&format!("comment_content=edited&guid={checked}")).id, checked);
        let stored = "0190163d-8694-739b-aea5-966c26f8ad91";
        assert_ne!(of(&format!("comment_content=a&guid={stored}")).id, stored);
        assert_eq!(of("comment_content=a&guid=nonsense").id, checked);
    }

    #[rstest]
    #[case("2026-01-02 03:04:05", 1_767_323_045_000)]
    #[case("2026-01-02T03:04:05Z", 1_767_323_045_000)]
    #[case("2026-01-02T03:04:05.000Z", 1_767_323_045_000)]
    #[case("2026-01-02T04:04:05+01:00", 1_767_323_045_000)]
    fn dates_are_read(#[case] text: &str, #[case] expected: i64) {
        assert_eq!(millis(Some(&submitted_at(text))), expected);
    }

    #[test]
    fn a_date_that_is_none_or_to_come_is_now() {
        for text in ["", "yesterday", "+262142-12-31T23:59:59Z", "1066-10-14 09:00:00", "2099-01-01 00:00:00"] {
            assert!((millis(Some(&submitted_at(text))) - millis(Some(&now()))).abs() < 60_000, "{text}");
        }
    }

    #[test]
    fn the_honeypot_is_the_field_that_is_named() {
        let filled = |form: &str| of(form).client.expect("a client").honeypot_filled;
        assert!(filled("honeypot_field_name=hp&hp=1"));
        assert!(!filled("honeypot_field_name=hp&hp="));
        assert!(!filled("honeypot_field_name=hp"));
        assert!(!filled("hp=1"));
    }
}
