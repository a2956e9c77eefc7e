use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use rejoinder_pipeline::{
    Log, Record,
    kafka::{KafkaLog, KafkaSettings},
};
use rejoinder_proto::{now, trace, v1};
use uuid::Uuid;

use crate::{deployment::Distributed, load::TEXT};

/// Events a second through the validator's process on Kafka, in transactions, its questions to PostgreSQL included.
/// Counted from its first committed batch on, so that joining the group is not measured.
pub async fn rate(distributed: &mut Distributed, brokers: &str, events: usize) -> Result<f64> {
    distributed.stop("validator")?;
    fill(distributed, brokers, events).await?;
    let address = distributed.start_again("validator")?.address().to_owned();
    let (mut first, mut last) = (None, (0, Instant::now()));
    let started = Instant::now();
    while last.0 < events {
        tokio::time::sleep(Duration::from_millis(10)).await;
        ensure!(started.elapsed() < Duration::from_secs(120), "the validator has not finished: {} of {events}", last.0);
        let Ok(answer) = reqwest::get(format!("http://{address}/metrics")).await else { continue };
        let consumed = consumed(&answer.text().await?);
        if consumed > last.0 {
            last = (consumed, Instant::now());
            first.get_or_insert(last);
        }
    }
    let first = first.context("nothing was consumed")?;
    Ok((last.0 - first.0) as f64 / (last.1 - first.1).as_secs_f64())
}

fn consumed(metrics: &str) -> usize {
    let line = metrics.lines().find(|line| line.starts_with("rejoinder_consumed") && line.contains("\"validator\""));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

async fn fill(distributed: &Distributed, brokers: &str, events: usize) -> Result<()> {
    let settings =
        KafkaSettings { brokers: brokers.to_owned(), prefix: distributed.prefix.clone(), ..Default::default() };
    let publisher = KafkaLog::new(settings)?.publisher()?;
    let appends = (0..events).map(|number| {
        let event = v1::CommentSubmitted {
            id: Uuid::now_v7().to_string(),
            site: "bench".into(),
            thread: Some(v1::Thread { id: format!("v{}", number % 50), ..Default::default() }),
            author: Some(v1::Author {
                name: format!("Writer {number}"),
                email: format!("writer{number}@example.org"),
                ..Default::default()
            }),
            body: format!("Remark {number}: {TEXT}"),
            submitted_at: Some(now()),
            ..Default::default()
        };
        publisher.append(Record::of(&event, "/bench", &trace::new_traceparent()))
    });
    stream::iter(appends).buffered(4096).try_for_each(async |_| Ok(())).await?;
    Ok(())
}
