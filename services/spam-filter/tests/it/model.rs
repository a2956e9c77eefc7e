use std::{sync::Arc, time::Instant};

use proptest::prelude::*;
use rejoinder_proto::v1::{Author, Comment, Thread};
use rejoinder_spam_filter::{
    Reading,
    model::{
        Abstains, Features, Layer, Learner, Model, Opinion, probability,
        train::{Row, TrainError, train},
    },
};

fn comment(text: &str) -> Comment {
    Comment {
        text: text.into(),
        author: Some(Author { name: "Sam".into(), ..Author::default() }),
        ..Comment::default()
    }
}

/// What a model, and what was learned by `learner`, says of a text.
fn opinion(learner: &Learner, text: &str) -> Opinion {
    let comment = comment(text);
    let reading = Reading::of(&comment);
    let mut features = Features::default();
    features.read(&reading.subject(&comment));
    learner.opinion(&reading.subject(&comment), &mut features)
}

fn teach(learner: &mut Learner, id: &str, text: &str, spam: bool) {
    let comment = comment(text);
    let reading = Reading::of(&comment);
    let mut features = Features::default();
    features.read(&reading.subject(&comment));
    learner.learn(&reading.subject(&comment), &mut features, id, spam);
}

fn shipped() -> Learner {
    Learner::new(Arc::new(Model::shipped().clone()))
}

#[test]
fn the_shipped_model_knows_spam_from_ham() {
    let shipped = shipped();
    for text in [
        "Check out my channel and subscribe to me please!!! I will subscribe back",
        "FREE entry! You have won a £1000 prize, call 09061701461 now to claim",
        "mainkan di ALEXIS17 situs slot gacor hari ini maxwin terus",
    ] {
        assert!(opinion(&shipped, text).probability() > 0.9, "{text}");
    }
    for text in [
        "I love this song so much, it reminds me of last summer",
        "Ok, see you at home then, I will call you when I am there",
        "mantap bang videonya lucu banget sampai nangis",
    ] {
        assert!(opinion(&shipped, text).probability() < 0.1, "{text}");
    }
}

#[test]
fn what_was_never_learned_is_left_to_people() {
    let shipped = shipped();
    for (text, why) in [
        ("سلام، این مقاله خیلی خوب بود و از خواندن آن لذت بردم", Abstains::Script),
        ("今日はとても良い天気ですね。記事をありがとうございます", Abstains::Script),
        ("ยอดเยี่ยมมากครับ ขอบคุณสำหรับบทความ", Abstains::Script),
        ("Το άρθρο ήταν πολύ καλό και το χάρηκα", Abstains::Script),
        ("Cikk nagyon érdekes volt, köszönöm szépen a munkátokat mindenkinek", Abstains::Language),
    ] {
        assert_eq!(opinion(&shipped, text).abstains, Some(why), "{text}");
    }
}

#[test]
fn a_site_that_writes_an_unknown_script_teaches_it() {
    let mut learner = shipped();
    let (ham, spam) = ("مقاله خوبی بود ممنون از نویسنده", "خرید ارزان لینک کانال تلگرام عضو شوید");
    for n in 0..60 {
        teach(&mut learner, &format!("h{n}"), &format!("{ham} {n}"), false);
        teach(&mut learner, &format!("s{n}"), &format!("{spam} {n}"), true);
    }
    let (ham, spam) = (opinion(&learner, ham), opinion(&learner, spam));
    assert_eq!((ham.abstains, spam.abstains), (None, None));
    assert!(ham.probability() < 0.5 && spam.probability() > 0.5, "{ham:?} {spam:?}");
}

#[test]
fn a_decision_is_learned_at_once_and_alike_everywhere() {
    let text = "our little bakery at the corner has fresh rolls every sunday";
    let before = opinion(&shipped(), text).log_odds;
    let (mut one, mut other) = (shipped(), shipped());
    for learner in [&mut one, &mut other] {
        for n in 0..5 {
            teach(learner, &format!("c{n}"), text, true);
        }
    }
    assert!(opinion(&one, text).log_odds > before + 1.0);
    assert_eq!(opinion(&one, text), opinion(&other, text));
    assert_eq!(one.version(), other.version());
    assert_ne!(one.version(), shipped().version());
}

#[test]
fn a_link_that_leads_away_is_worse_than_one_to_the_page_s_own_site() {
    let learner = shipped();
    let text = "the best part is here https://news.example/2026/party#comment-7";
    let says = |page: &str| {
        let thread = (!page.is_empty()).then(|| Thread { url: page.into(), ..Thread::default() });
        let comment = Comment { thread, ..comment(text) };
        let reading = Reading::of(&comment);
        let mut features = Features::default();
        features.read(&reading.subject(&comment));
        learner.opinion(&reading.subject(&comment), &mut features).log_odds
    };
    let own = says("https://www.news.example:8443/2026/other?page=2");
    let away = says("https://blog.example.org/");
    assert!(away > own + 0.5, "{away} {own}");
    // Where the page is not known, every link leads away.
    assert_eq!(says("").to_bits(), away.to_bits());
    let shared = opinion(&learner, "the best part is here https://youtu.be/abcdefghijk").log_odds;
    let other = opinion(&learner, "the best part is here https://party.example/abcdefghijk").log_odds;
    assert!(other > shared + 0.5, "{other} {shared}");
}

/// The features of a text.
fn features(text: &str) -> Features {
    let comment = comment(text);
    let mut features = Features::default();
    features.read(&Reading::of(&comment).subject(&comment));
    features
}

#[test]
fn a_text_is_learned_until_it_is_known_and_its_flood_teaches_nothing_more() {
    let model = Model::shipped();
    let mut text = features("our little bakery at the corner has fresh rolls every sunday");
    let mut layer = Layer::default();
    assert_eq!(layer.log_odds(model, &mut text), model.calibrated(model.log_odds(&mut text)));
    for _ in 0..10 {
        layer.learn(model, &mut text, true);
    }
    assert!(probability(layer.log_odds(model, &mut text)) > 0.98, "{}", layer.log_odds(model, &mut text));
    let after_ten = layer.clone();
    for _ in 0..1000 {
        layer.learn(model, &mut text, true);
    }
    assert_eq!(layer, after_ten);
}

#[test]
fn a_flood_of_one_text_moves_little_else() {
    let mut learner = shipped();
    let others = ["I love this song so much", "see you at home then, I will call", "mantap bang videonya lucu banget"];
    let before: Vec<f64> = others.iter().map(|text| opinion(&learner, text).probability()).collect();
    for n in 0..2000 {
        teach(&mut learner, &format!("f{n}"), "thank you for the article, it is a good one", true);
    }
    for (text, before) in others.iter().zip(before) {
        let after = opinion(&learner, text).probability();
        assert!(after < 0.5, "{text}: {before} became {after}");
    }
}

#[test]
fn mistakes_of_a_moderator_are_not_let_through() {
    let ham = |n: u32| format!("I agree with number {n}, the second verse of the song is the best one");
    let spam = |n: u32| format!("visit my shop {n} for cheap watches, free shipping, order on whatsapp");
    let mut learner = shipped();
    for n in 0..150 {
        teach(&mut learner, &format!("h{n}"), &ham(n), false);
        teach(&mut learner, &format!("s{n}"), &spam(n), true);
    }
    // All the wrong way round.
    for n in 150..190 {
        teach(&mut learner, &format!("h{n}"), &ham(n), true);
    }
    assert!(opinion(&learner, &ham(500)).probability() < 0.5, "{:?}", learner.standing());
    assert!(opinion(&learner, &spam(500)).probability() > 0.5);
}

#[test]
fn training_is_repeatable_and_says_what_it_lacks() {
    let rows: Vec<Row> = (0..60)
        .map(|n| {
            let spam = n % 2 == 0;
            let text = if spam { format!("buy cheap watches {n}") } else { format!("a fine article, number {n}") };
            Row { text, spam, source: "made".into() }
        })
        .collect();
    let (one, other) = (train(&rows, 3).map(|m| m.encode()), train(&rows, 3).map(|m| m.encode()));
    assert_eq!(one, other);
    assert!(one.is_ok_and(|bytes| bytes.len() < 2_000_000));
    assert_eq!(train(&rows[..10], 3).err(), Some(TrainError::TooFew { spam: 5, ham: 5 }));
}

/// Lengths that a validator would never let through; the bound is generous since tests are not optimised.
#[test]
fn long_texts_take_no_longer_than_they_must() {
    let mut features = Features::default();
    let long = [
        "a".repeat(1 << 20),
        format!("a{}", "\u{301}".repeat(100_000)),
        (0..10_000).map(|n| format!("https://a{n}.example/ ")).collect::<String>(),
    ];
    for text in long {
        let start = Instant::now();
        let comment = comment(&text);
        let reading = Reading::of(&comment);
        features.read(&reading.subject(&comment));
        let seconds = start.elapsed().as_secs_f64();
        assert!(seconds < 5.0, "{} bytes took {seconds} s", text.len());
    }
}

proptest! {
    #[test]
    fn scores_are_numbers_whatever_the_text(texts in prop::collection::vec(("\\PC{0,200}", any::<bool>()), 1..20)) {
        let model = Model::shipped();
        let (mut features, mut layer) = (Features::default(), Layer::default());
        for (text, spam) in texts {
            let comment = comment(&text);
            let reading = Reading::of(&comment);
            features.read(&reading.subject(&comment));
            prop_assert!(layer.log_odds(model, &mut features).is_finite());
            layer.learn(model, &mut features, spam);
            prop_assert!(layer.log_odds(model, &mut features).is_finite());
        }
    }

    #[test]
    fn any_bytes_are_a_model_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Model::decode(&bytes).is_err());
    }
}
