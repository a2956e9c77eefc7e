//! How fast one core scores and learns, against bogofilter on the same comments, and how long the worst texts take.
//!
//! `cargo run --release -p rejoinder-spam-filter --example score_throughput`
//!
//! Without bogofilter installed it is said so, and left out.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    fs,
    hint::black_box,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use rejoinder_proto::v1::Comment;
use rejoinder_spam_filter::{
    Reading,
    model::{Features, Layer, Model},
};

const COMMENTS: usize = 50_000;
/// Bogofilter is given fewer: it is asked for a rate.
const FILES: usize = 10_000;
/// The length of a comment, in bytes: the mean of the public collections of comments.
const BYTES: usize = 246;
/// Each is measured so often, and the best counts: what disturbs only ever slows down.
const ROUNDS: usize = 3;

const HONEST: &str = "thank you for this article i have worked with it some years and would add that most depends on the \
    people who keep running things afterwards tools matter less than we like to think does anybody know whether second part \
    was ever written my brother saw them live in march it was raining but nobody went home great song still";
const SPAM: &str = "hey guys please subscribe to my channel for free gift cards and earn money at home fast check out my new \
    video i will subscribe back to everybody best online casino bonus click the link in my profile cheap followers \
    working today only visit now win prizes join crypto signals group whatsapp";

fn main() -> Result<(), Box<dyn Error>> {
    let comments: Vec<(Comment, bool)> = (0..COMMENTS).map(|n| (comment(n), n % 3 == 0)).collect();
    let bytes = comments.iter().map(|(comment, _)| comment.text.len()).sum::<usize>() / COMMENTS;
    println!("{COMMENTS} comments of {bytes} bytes");

    let model = Model::shipped();
    let mut features = Features::default();
    let scored = best("score", COMMENTS, || {
        for (comment, _) in &comments {
            black_box(score(model, comment, &mut features));
        }
        Ok(())
    })?;
    best("learn", COMMENTS, || {
        let mut layer = Layer::default();
        for (comment, spam) in &comments {
            let reading = Reading::of(comment);
            features.read(&reading.subject(comment));
            layer.learn(model, &features, *spam);
        }
        black_box(layer.decisions());
        Ok(())
    })?;
    match bogofilter(&comments[..FILES])? {
        Some(rate) => println!("score / bogofilter {:>6.1}", scored / rate),
        None => println!("SKIPPED: bogofilter is not installed"),
    }
    worst(model);
    Ok(())
}

fn score(model: &Model, comment: &Comment, features: &mut Features) -> f32 {
    let reading = Reading::of(comment);
    let subject = reading.subject(comment);
    features.read(&subject);
    black_box(model.abstains(&subject, features));
    model.log_odds(features)
}

/// So many a second.
fn best(what: &str, count: usize, mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let rate = count as f64 / best;
    println!("{what:<10} {rate:>9.0} comments/s");
    Ok(rate)
}

/// Words in an order that differs from one to the next; every third is spam, every tenth has a link.
fn comment(n: usize) -> Comment {
    let words: Vec<&str> = if n.is_multiple_of(3) { SPAM } else { HONEST }.split_whitespace().collect();
    let mut text = format!("Number {n},");
    let mut at = n;
    while text.len() < BYTES {
        at = (at * 31 + 7) % 1_000_003;
        text.push(' ');
        text.push_str(words[at % words.len()]);
    }
    if n.is_multiple_of(10) {
        text.push_str(" https://docs.example/a?b=c");
    }
    Comment { text, ..Comment::default() }
}

/// What bogofilter does with each comment in a file of its own, in bulk mode, after it has learned a thousand.
fn bogofilter(comments: &[(Comment, bool)]) -> Result<Option<f64>, Box<dyn Error>> {
    if Command::new("bogofilter").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let mut names = [String::new(), String::new()];
    let mut all = String::new();
    for (n, (comment, spam)) in comments.iter().enumerate() {
        let path = folder.path().join(n.to_string());
        fs::write(&path, format!("Subject: comment\n\n{}\n", comment.text))?;
        let name = format!("{}\n", path.display());
        if n < 1_000 {
            names[usize::from(*spam)].push_str(&name);
        }
        all.push_str(&name);
    }
    bulk(folder.path(), "-n", &names[0])?;
    bulk(folder.path(), "-s", &names[1])?;
    best("bogofilter", comments.len(), || bulk(folder.path(), "-t", &all)).map(Some)
}

/// Bogofilter on files whose names it reads.
fn bulk(folder: &Path, what: &str, names: &str) -> Result<(), Box<dyn Error>> {
    let mut child = Command::new("bogofilter")
        .args([what, "-b", "-d"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    child.stdin.take().ok_or("no pipe")?.write_all(names.as_bytes())?;
    let status = child.wait()?;
    // 0, 1 and 2 are verdicts.
    if status.code().is_none_or(|code| code > 2) {
        return Err(format!("bogofilter ended with {status}").into());
    }
    Ok(())
}

fn worst(model: &Model) {
    let texts = [
        ("1 MB of one letter", "a".repeat(1_000_000)),
        ("100,000 marks on a letter", format!("a{}", "\u{301}".repeat(100_000))),
        ("10,000 links", "https://spam.example/a ".repeat(10_000)),
        ("1 MB of look-alikes", "раураl ".repeat(90_000)),
        ("1 MB of letters set apart", "f r e e . ".repeat(100_000)),
        ("1 MB of pairs of letters", "v i  ".repeat(200_000)),
        ("1 MB of letters with marks", "e\u{301}\u{323}".repeat(200_000)),
        ("1 MB of mathematical letters", "𝐜𝐚𝐬𝐢𝐧𝐨 ".repeat(40_000)),
        ("1 MB of Russian", "Привет мир ".repeat(50_000)),
        ("1 MB of one mixed word", "aвγ".repeat(200_000)),
        ("1 MB of ligatures", "ﷺ".repeat(333_000)),
        ("1 MB of all scripts", all_scripts()),
    ];
    let mut features = Features::default();
    for (what, text) in texts {
        let comment = Comment { text, ..Comment::default() };
        let start = Instant::now();
        black_box(score(model, &comment, &mut features));
        println!("{what:<28} {:>7.1} ms", start.elapsed().as_secs_f64() * 1_000.0);
    }
}

/// Every 61st character from one to the next, again and again.
fn all_scripts() -> String {
    let characters = (0..0x20000_u32).cycle().step_by(61).filter_map(char::from_u32);
    characters.take(300_000).collect()
}
