use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn both() -> BTreeSet<UrlScheme> {
    BTreeSet::from([UrlScheme::Http, UrlScheme::Https])
}

fn html(text: &str) -> String {
    render(&clean::text(text), &both())
}

/// Text near the border of what needs a parser.
fn bordering() -> impl Strategy<Value = String> {
    let token = proptest::sample::select(vec![
        "a",
        "word",
        " ",
        "  ",
        "    ",
        "\n",
        "\n\n",
        "\n \n",
        ".",
        ")",
        "1",
        "1.",
        "#",
        "-",
        "+",
        "=",
        "|",
        ">",
        ">",
        "&",
        "& ",
        "&amp;",
        "!",
        "\"",
        "'",
        ":",
        "/",
        "://",
        "@",
        "a@b.co",
        "https://a.b",
        "\u{a0}",
        "\u{3000}",
        "سلام",
        "漢字",
        "🙂",
        "\u{2003}",
        "---",
        "$",
        "^",
        "{",
        "}",
        "]",
        "(",
        "?",
        ";",
        "%",
        "\u{200f}",
        "<",
        "*",
        "_",
        "`",
        "[",
    ]);
    proptest::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_fast_path_gives_what_the_parser_gives(raw in bordering()) {
        let text = clean::text(&raw);
        if is_plain(&text) {
            prop_assert_eq!(plain(&text), write(text.len(), parse(&text, &both())));
        }
    }
}

proptest! {
    #[test]
    fn the_fast_path_gives_what_the_parser_gives_for_any_text(raw in any::<String>()) {
        let text = clean::text(&raw);
        if is_plain(&text) {
            prop_assert_eq!(plain(&text), write(text.len(), parse(&text, &both())));
        }
    }
}

#[test]
fn ordinary_prose_takes_the_fast_path() {
    for prose in
        ["Well said, \"Ada\" (2024); R & D > 3!", "One.\nTwo.\n\nThree: yes?", "می‌خواهم بخوانم.", "2024 was good"]
    {
        assert!(is_plain(prose), "{prose:?}");
    }
}

#[test]
fn what_markdown_becomes() {
    let rel = "rel=\"nofollow ugc noopener\"";
    for (text, expected) in [
        ("a\nb\n\nc", "<p>a<br>\nb</p>\n<p>c</p>".to_owned()),
        ("*a* **b** ~~c~~ `d<e`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d&lt;e</code></p>".to_owned()),
        ("# Big", "<p><strong>Big</strong></p>".to_owned()),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>".to_owned()),
        ("3. c\n4. d", "<ol start=\"3\">\n<li>c</li>\n<li>d</li>\n</ol>".to_owned()),
        ("[x](https://a.example/b)", format!("<p><a href=\"https://a.example/b\" {rel}>x</a></p>")),
        ("[x](http://u@a.example)", "<p>x</p>".to_owned()),
        ("[x](/local) [y](#z)", "<p>x y</p>".to_owned()),
        (
            "see https://a.example/b_c_d.",
            format!("<p>see <a href=\"https://a.example/b_c_d\" {rel}>https://a.example/b_c_d</a>.</p>"),
        ),
        ("`https://a.example`", "<p><code>https://a.example</code></p>".to_owned()),
        ("![cat](https://a.example/c.png)", format!("<p><a href=\"https://a.example/c.png\" {rel}>cat</a></p>")),
        (
            "[![cat](https://a.example/c.png)](https://b.example/)",
            format!("<p><a href=\"https://b.example/\" {rel}>cat</a></p>"),
        ),
        ("<me@a.example>", "<p>me@a.example</p>".to_owned()),
        ("a Vec<String> b", "<p>a Vec&lt;String&gt; b</p>".to_owned()),
        ("one<br>\ntwo", "<p>one<br>\ntwo</p>".to_owned()),
        ("*a*\n\n------------------------------------------", "<p><em>a</em></p>\n<hr>".to_owned()),
        ("one<br>two<BR />three", "<p>one<br>\ntwo<br>\nthree</p>".to_owned()),
        ("<div>\n<b>x</b>\n</div>", "<p>&lt;div&gt;<br>\n&lt;b&gt;x&lt;/b&gt;<br>\n&lt;/div&gt;</p>".to_owned()),
        ("[a]: https://a.example", "<p>[a]: https://a.example</p>".to_owned()),
        ("***", "<p>***</p>".to_owned()),
        ("&copy; &lt;b&gt;", "<p>© &lt;b&gt;</p>".to_owned()),
        ("    code\nmore", "<p>code<br>\nmore</p>".to_owned()),
        (
            "a\n\n```html\n<b>https://a.example</b>\n```",
            "<p>a</p>\n<pre><code>&lt;b&gt;https://a.example&lt;/b&gt;\n</code></pre>".to_owned(),
        ),
    ] {
        assert_eq!(html(text), expected, "{text:?}");
    }
}

#[test]
fn links_keep_to_the_allowed_schemes() {
    let only_https = BTreeSet::from([UrlScheme::Https]);
    assert!(!render("[x](http://a.example) http://b.example", &only_https).contains("href"));
    assert!(render("[x](https://a.example)", &only_https).contains("href"));
    assert!(!render("[x](https://a.example)", &BTreeSet::new()).contains("href"));
}

#[test]
fn deep_elements_are_left_out_and_their_text_is_not() {
    let deep = format!("{}x{}", "**a _b ".repeat(100), " b_ a**".repeat(100));
    let html = html(&deep);
    assert!((10..=32).contains(&html.matches("<em>").count()) && html.contains('x'), "{html}");
}

fn time(text: &str) -> (Duration, usize) {
    let started = Instant::now();
    let html = html(text);
    (started.elapsed(), html.len())
}

#[test]
fn hostile_texts_cost_no_more_than_honest_ones() {
    let limit = 65_525;
    let filled = |unit: &str| unit.repeat(limit / unit.len());
    let nested_list: String = (0..360).map(|depth| format!("{}- a\n", " ".repeat(depth))).collect();
    let deep_list: String = (0..250).map(|depth| format!("{}- a\n", "  ".repeat(depth))).collect();
    let blank_lines = format!("{}a{}", "- ".repeat(30), "\n".repeat(limit - 100));
    let quoted_lines = format!("{}\n", "> ".repeat(30)).repeat(limit / 62);
    let references = format!("[a]: https://a.example/{}\n\n{}", "x".repeat(2_000), "[a]".repeat(20_000));
    let definitions: String = (0..5_000).map(|n| format!("[{n}]: /u\n")).collect();
    let emphasis_mix = format!("{}{}", "*a **a ".repeat(4_000), "a* a** ".repeat(4_000));
    let texts = [
        filled(">"),
        filled("> "),
        filled("- "),
        filled("1. "),
        filled("["),
        filled("]"),
        filled("[]("),
        filled("![["),
        filled("[a]("),
        filled("*"),
        filled("*a "),
        filled("**a _b "),
        filled("a* b_ "),
        filled("_"),
        filled("`"),
        filled("`a``b```"),
        filled("<"),
        filled("<a "),
        filled("<!--"),
        filled("<![CDATA["),
        filled("<?"),
        filled("&"),
        filled("&amp"),
        filled("\\"),
        filled("~~a "),
        filled("http://"),
        filled("https://a.b/(("),
        filled("<b>"),
        filled("<b><p>"),
        filled("</p>"),
        filled("a\n===\n"),
        filled("#\n"),
        filled("-\n"),
        filled("* a\n\n"),
        filled("\"'("),
        filled("&a"),
        filled("*a* «"),
        filled("é«"),
        filled("[a](b) &"),
        filled("[a]: b\n"),
        filled("[a][b]"),
        filled("<a@b.c>"),
        filled("<https://a.b>"),
        filled("a\u{301}"),
        filled("\u{200d}"),
        filled("\u{1f3f4}\u{e0067}"),
        filled("``` \n"),
        filled("~~~\n"),
        filled("|a|\n"),
        filled("a\t"),
        filled("- a\n  > b\n"),
        filled("://"),
        filled("a://"),
        filled("![](http://a.b)"),
        filled("[](http://a.b)"),
        nested_list,
        deep_list,
        blank_lines,
        quoted_lines,
        references,
        definitions,
        emphasis_mix,
        format!("{}{}", "[".repeat(limit / 2), "](http://a.b)".repeat(limit / 26)),
        format!("{}{}", "*".repeat(limit / 2), "a*".repeat(limit / 4)),
    ];
    // The bound for a release build is 100 ms; an unoptimised one on a busy machine gets some more.
    let bound = Duration::from_millis(if cfg!(debug_assertions) { 4_000 } else { 100 });
    for text in &texts {
        // A machine that is busy for a moment must not look like a slow parser.
        let (took, length) = (0..3).map(|_| time(text)).find(|(took, _)| *took < bound).unwrap_or_else(|| time(text));
        let shown: String = text.chars().take(20).collect();
        println!("{took:>12.2?} {length:>8} {shown:?}");
        assert!(took < bound, "{took:?} for {shown:?}");
        assert!(length <= MAX_HTML_BYTES, "{length} bytes for {shown:?}");
    }
}
