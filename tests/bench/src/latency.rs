use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// Milliseconds from sending a POST to the first answer that says where the comment ended: p50 and p99. One at a time.
pub async fn post_to_stored(address: &str, posts: usize) -> Result<(f64, f64)> {
    let client = Client::new();
    let mut times = Vec::with_capacity(posts);
    for number in 0..posts + WARM_UP {
        let comment = json!({
            "thread": "latency", "name": format!("Poster {number}"), "email": format!("poster{number}@example.org"),
            "body": format!("The comment with the number {number}"),
        });
        let started = Instant::now();
        let answer = client.post(format!("{address}/v1/sites/bench/comments")).json(&comment).send().await?;
        ensure!(answer.status() == StatusCode::ACCEPTED, "refused: {}", answer.text().await?);
        let accepted: Value = answer.json().await?;
        let status = format!("{address}/v1/comments/{}", accepted["id"].as_str().unwrap_or_default());
        loop {
            let fate: Value = client.get(&status).send().await?.json().await?;
            if fate["state"] != "submitted" {
                ensure!(fate["state"] == "published", "it ended as {fate}");
                break;
            }
            ensure!(started.elapsed() < Duration::from_secs(30), "never stored");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if number >= WARM_UP {
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Ok((at(0.5), at(0.99)))
}

/// The first ones open connections and prepare statements.
const WARM_UP: usize = 20;
