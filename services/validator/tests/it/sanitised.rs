//! Whatever a comment says, its HTML holds nothing that acts: each output is read again by an HTML parser.

use std::cell::RefCell;

use html5ever::{
    Attribute,
    tendril::StrTendril,
    tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts},
};
use proptest::prelude::*;
use rejoinder_validator::{Policy, check_fields};

use crate::support::submitted;

const TAGS: [&str; 13] = ["a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"];

/// The elements of a text as a browser's tokeniser finds them.
#[derive(Default)]
struct Elements(RefCell<Vec<Tag>>);

impl TokenSink for Elements {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => self.0.borrow_mut().push(tag),
            Token::CommentToken(_) | Token::DoctypeToken(_) => panic!("comments and doctypes are not let through"),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

fn elements(html: &str) -> Vec<Tag> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(Elements::default(), TokenizerOpts::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.take()
}

fn html_of(body: &str) -> Option<String> {
    let mut event = submitted(1);
    event.body = body.to_owned();
    check_fields(&event, &Policy::default()).ok().map(|fields| fields.html)
}

/// What is wrong with the HTML; nothing when it is safe.
fn dangers(html: &str) -> Vec<String> {
    let mut dangers = Vec::new();
    for Tag { name, attrs, .. } in elements(html) {
        if !TAGS.contains(&&*name) {
            dangers.push(format!("element {name}"));
        }
        if &*name == "a" && !has(&attrs, "rel", "nofollow ugc noopener") {
            dangers.push("a link without rel".to_owned());
        }
        for Attribute { name: attribute, value } in attrs {
            let allowed = match (&*name, &*attribute.local) {
                ("a", "rel") => true,
                ("a", "href") => value.starts_with("http://") || value.starts_with("https://"),
                ("ol", "start") => value.bytes().all(|b| b.is_ascii_digit()),
                _ => false,
            };
            if !allowed {
                dangers.push(format!("{name} {}={value}", attribute.local));
            }
        }
    }
    dangers
}

fn has(attributes: &[Attribute], name: &str, value: &str) -> bool {
    attributes.iter().any(|attribute| &*attribute.name.local == name && &*attribute.value == value)
}

const VECTORS: &[&str] = &[
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\n>alert(1)</script\n>",
    "<script/x>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "\"><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"javascript:alert(1)\">",
    "<img \"\"\"><script>alert(1)</script>\">",
    "<img/src=x/onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert&#40;1)</script></svg>",
    "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math href=\"javascript:alert(1)\">x</math>",
    "<body onload=alert(1)>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<object data=\"data:text/html,<script>alert(1)</script>\"></object>",
    "<embed src=\"javascript:alert(1)\">",
    "<form action=\"javascript:alert(1)\"><button>x</button></form>",
    "<button formaction=\"javascript:alert(1)\">x</button>",
    "<input onfocus=alert(1) autofocus>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<link rel=stylesheet href=\"javascript:alert(1)\">",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
    "<base href=\"javascript:alert(1)//\">",
    "<style>@import 'javascript:alert(1)';</style>",
    "<p style=\"background:url(javascript:alert(1))\">x</p>",
    "<div style=\"width:expression(alert(1))\">x</div>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<a href=\" &#14; javascript:alert(1)\">x</a>",
    "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
    "<a href=\"jav\tascript:alert(1)\">x</a>",
    "<a href=\"&#106;&#97;&#118;&#97;script:alert(1)\">x</a>",
    "<a href=\"data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\">x</a>",
    "<a href=\"vbscript:msgbox(1)\">x</a>",
    "<a onmouseover=alert(1)>x</a>",
    "<a href=x target=_blank>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x]( javascript:alert(1))",
    "[x](java\\\nscript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)",
    "[x](https://user@evil.example)",
    "[x](https://a.example \"title\\\" onmouseover=\\\"alert(1)\")",
    "[x](https://a.example\"onmouseover=\"alert(1))",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[y]: javascript:alert(1) 'x'\n[y]",
    "![x](javascript:alert(1))",
    "![\"onerror=\"alert(1)](https://a.example/i.png)",
    "![x](https://a.example/i.png\"onerror=\"alert(1))",
    "<javascript:alert(1)>",
    "<https://a.example/\"onmouseover=alert(1)>",
    "https://a.example/\"onmouseover=\"alert(1)",
    "https://a.example/<script>alert(1)</script>",
    "javascript://a.example/%0aalert(1)",
    "`<script>alert(1)</script>`",
    "```\"><script>alert(1)</script>\nx\n```",
    "    <script>alert(1)</script>",
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><script>alert(1)</script>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<textarea><script>alert(1)</script></textarea>",
    "<title><img src=x onerror=alert(1)></title>",
    "<template><script>alert(1)</script></template>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<plaintext><script>alert(1)",
    "\u{0}<scr\u{0}ipt>alert(1)</scr\u{0}ipt>",
    "<scr\u{200b}ipt>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "\\<script>alert(1)</script>",
    "> <script>alert(1)</script>\n- <img src=x onerror=alert(1)>",
    "# <script>alert(1)</script>",
    "<b onclick=alert(1)>x</b>",
    "<br onclick=alert(1)>",
    "<img src=x onerror",
    "<a href='https://a.example",
];

#[test]
fn nothing_acts() {
    for vector in VECTORS {
        let html = html_of(vector).unwrap_or_default();
        assert_eq!(dangers(&html), Vec::<String>::new(), "{vector:?} became {html:?}");
        assert!(!html.is_empty(), "{vector:?} is shown as written");
    }
}

#[test]
fn the_check_sees_dangers() {
    for bad in [
        "<script>",
        "<p onclick=x>",
        "<a href='javascript:x' rel='nofollow ugc noopener'>",
        "<a href='https://a.b'>",
        "<p style=x>",
        "<img>",
    ] {
        assert_ne!(dangers(bad), Vec::<String>::new(), "{bad}");
    }
}

#[test]
fn html_is_shown_as_it_was_written() {
    let html = html_of("I use <script>alert(1)</script> <b>often</b>").expect("a comment");
    assert_eq!(html, "<p>I use &lt;script&gt;alert(1)&lt;/script&gt; &lt;b&gt;often&lt;/b&gt;</p>");
}

/// Pieces of Markdown and HTML in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "<",
        ">",
        "</",
        "/>",
        "script",
        "img",
        " onerror=",
        " href=",
        "javascript:",
        "\"",
        "'",
        "`",
        "```",
        "\n",
        "\n\n",
        " ",
        "    ",
        "[",
        "](",
        ")",
        "![",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "*",
        "**",
        "_",
        "~~",
        "> ",
        "- ",
        "1. ",
        "#",
        "&lt;",
        "&#60;",
        "&colon;",
        "\\",
        "https://a.b",
        "data:",
        "style",
        "svg",
        "math",
        "a",
        "x",
        "=",
        "<br>",
        "<a ",
        "\u{a0}",
        "\0",
    ]);
    proptest::collection::vec(pieces, 1..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_acts_in_any_mixture(body in soup()) {
        if let Some(html) = html_of(&body) {
            prop_assert_eq!(dangers(&html), Vec::<String>::new(), "{:?}", html);
            prop_assert!(!html.to_ascii_lowercase().contains("<script"));
        }
    }

    #[test]
    fn nothing_acts_in_any_text(body in any::<String>()) {
        if let Some(html) = html_of(&body) {
            prop_assert_eq!(dangers(&html), Vec::<String>::new(), "{:?}", html);
        }
    }
}
