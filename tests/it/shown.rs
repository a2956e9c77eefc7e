//! Why a comment was held, as its moderator reads it: in the mail, on the page behind its link, and on the command line.

use serde_json::json;

use crate::harness::{CONFIG, Home, action_link, client, path_of, until};

/// Everything in it argues for the hold: links, a word of the site's list with markup in it, and what the model has learned.
const BODY: &str = "Check out my channel and subscribe! <blink>bold</blink> \
                    https://a.example https://b.example https://c.example https://d.example https://e.example";

#[tokio::test]
async fn a_moderator_reads_the_three_strongest_reasons() {
    let policy = "[sites.news.policy.screening]\nmode = \"first_time\"\nhold_words = [\"<blink>\"]\nspam_at = 100.0\n";
    let home = Home::new(&format!("{CONFIG}\n{policy}"));
    let dev = home.gateway(&["dev"]);
    let name = "Eve <img src=x onerror=alert(1)>";
    let comment = json!({"thread": "a", "name": name, "email": "eve@example.org", "body": BODY});
    let id = dev.post(&comment).await;
    dev.until_state(&id, "pending").await;
    until("the mail comes", async || action_link(&home.mails(), "my channel", "approve").is_some()).await;

    let raw = home.mails().pop().expect("a mail");
    let mail = mail_parser::MessageParser::default().parse(raw.as_bytes()).expect("a mail");
    let (text, html) = (mail.body_text(0).expect("a text part"), mail.body_html(0).expect("an HTML part"));
    let link = action_link(&home.mails(), "my channel", "approve").expect("a link");
    let page = client().get(dev.url(&path_of(&link))).send().await.expect("a page").text().await.expect("text");
    let explained = home.succeed(&["spam", "explain", &id]);
    keep(&[("page.html", &page), ("mail.html", &html), ("mail.txt", &text), ("explain.txt", &explained)]);

    let verdict = explained.lines().next().and_then(|line| line.split_once(" was ")).expect("a verdict").1;
    let verdict = format!("was {}", verdict.trim_end_matches('.'));
    assert!(verdict.starts_with("was held for a person, with "), "{verdict}");
    let top = [
        ("It has 5 links, and 1 is allowed: a.example, b.example, c.example, ...", "+7.50 points, asks for a person"),
        ("It has a word of the hold list: \"<blink>\" in the text.", "+5.00 points, asks for a person"),
        ("No comment under this name and address has been approved yet.", "+1.00 points, asks for a person"),
    ];
    for (sentence, counts) in top {
        assert!(text.contains(sentence) && text.contains(counts), "{sentence} is not in the mail:\n{text}");
        assert!(explained.contains(sentence) && explained.contains(counts), "{sentence} is not in:\n{explained}");
        for html in [&page, &*html] {
            assert!(html.contains(&escaped(sentence)) && html.contains(counts), "{sentence} is not in:\n{html}");
        }
    }
    let fourth = "The learned model sees a chance of ";
    assert!(explained.contains(fourth), "{explained}");
    for shown in [&page, &*html, &*text] {
        assert!(shown.contains(&verdict), "{verdict} is not in:\n{shown}");
        assert!(!shown.contains(fourth), "three are enough:\n{shown}");
    }
    for html in [&page, &*html] {
        for raw in ["<blink", "<img"] {
            assert!(!html.contains(raw), "{raw}: {html}");
        }
    }
}

/// As the templates escape.
fn escaped(text: &str) -> String {
    text.replace('<', "&#60;").replace('>', "&#62;").replace('"', "&#34;")
}

/// Keeps what was read when REJOINDER_SCREENSHOTS names a folder, to look at.
fn keep(files: &[(&str, &str)]) {
    if let Ok(folder) = std::env::var("REJOINDER_SCREENSHOTS") {
        for (name, content) in files {
            std::fs::write(std::path::Path::new(&folder).join(name), content).expect("written");
        }
    }
}
