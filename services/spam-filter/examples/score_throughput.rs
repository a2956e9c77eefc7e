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
/// Bogofilter is given fewer, and learns from the others: it is asked for a rate.
const FILES: usize = 10_000;
/// The length of a comment, in bytes: the mean of the public collections of comments.
const BYTES: usize = 246;
/// Each is measured so often, and the best counts: what disturbs only ever slows down.
const ROUNDS: usize = 3;

/// The different words of a large site's comments; what comes often comes as often as Zipf's law says (with the offset of
/// Mandelbrot for English).
const WORDS: usize = 50_000;
const OFFSET: f64 = 2.7;
/// Every third comment is spam, and in spam every third word is one of so many.
const SPAM_WORDS: usize = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let comments = comments();
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
            layer.learn(model, &mut features, *spam);
        }
        black_box(layer.decisions());
        Ok(())
    })?;
    match bogofilter(&comments)? {
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

/// Comments, and whether they are spam; always the same ones.
fn comments() -> Vec<(Comment, bool)> {
    let weights = (0..WORDS).map(|rank| 1.0 / (rank as f64 + OFFSET));
    let sums: Vec<f64> = weights.scan(0.0, |sum, weight| Some(std::mem::replace(sum, *sum + weight))).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut comment = |n: usize| {
        let spam = n.is_multiple_of(3);
        let mut text = String::new();
        while text.len() < BYTES {
            let of_spam = spam && random() < 1.0 / 3.0;
            let chosen = random();
            let rank = match of_spam {
                true => WORDS + (chosen * SPAM_WORDS as f64) as usize,
                false => sums.partition_point(|sum| *sum <= chosen * sums[WORDS - 1]).saturating_sub(1),
            };
            match random() {
                _ if text.is_empty() => {}
                mark if mark < 0.05 => text.push_str(", "),
                mark if mark < 0.1 => text.push_str(". "),
                _ => text.push(' '),
            }
            push_word(rank, random() < 0.1, &mut text);
        }
        if n.is_multiple_of(10) {
            text.push_str(" https://docs.example/a?b=c");
        }
        (Comment { text, ..Comment::default() }, spam)
    };
    (0..COMMENTS).map(&mut comment).collect()
}

/// The word of a rank: the more frequent, the shorter.
fn push_word(rank: usize, capital: bool, text: &mut String) {
    const FIRST: &[u8] = b"bcdfghjklmnprstvwyz";
    const SECOND: &[u8] = b"aeiou";
    let start = text.len();
    let mut left = rank + 1;
    while left > 0 {
        text.push(char::from(FIRST[left % FIRST.len()]));
        left /= FIRST.len();
        text.push(char::from(SECOND[left % SECOND.len()]));
        left /= SECOND.len();
    }
    if capital {
        text[start..start + 1].make_ascii_uppercase();
    }
}

/// What bogofilter does with each comment in a file of its own, in bulk mode, after it has learned the rest.
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
        match n < FILES {
            true => all.push_str(&name),
            false => names[usize::from(*spam)].push_str(&name),
        }
    }
    bulk(folder.path(), "-n", &names[0])?;
    bulk(folder.path(), "-s", &names[1])?;
    best("bogofilter", FILES, || bulk(folder.path(), "-t", &all)).map(Some)
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
