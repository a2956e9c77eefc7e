//! Runs one cell on the embedded deployment: everything in one process, on SQLite files.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use prost::Message;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rejoinder_proto::v1;
use rusqlite::{Connection, OpenFlags};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    cell::{self, HEALING, Verdict},
    deployment::Deployment,
    invariants,
    load::{self, Plan, Targets},
    matrix::{Cell, Fault},
    model::{ClientLog, Excuse, Observed, Row, Seen},
    observe::{GROUPS, detail},
    services::{disk::Disk, port, smtp::Smtp, wait},
    world::{Paths, fresh},
};

const NAME: &str = "embedded";

/// Runs a cell.
pub async fn run(cell: &Cell, paths: &Paths, base: u64) -> Result<Verdict> {
    let seed = cell::seed(base, cell);
    let folder = paths.folder.join("cells").join(cell.name().replace('/', "-"));
    fresh(&folder)?;
    let data = folder.join("data");
    let disk = match cell.fault {
        Fault::DiskFull => Some(Disk::mount(&data, 64)?),
        _ => None,
    };
    let (smtp, gateway) = (Smtp::start().await?, port()?);
    let config = format!("data_dir = {data:?}\n{}", cell::common(smtp.port(), gateway));
    let deployment = Deployment::new(&paths.binary, &folder, &config)?;
    let mut random = StdRng::seed_from_u64(seed);
    let once = match cell.fault {
        Fault::KillAt(moment) => Some(format!("{moment}={}*off->1*return(kill)", random.random_range(1..4))),
        Fault::LoseAt(moments) => Some(format!("{}=2*off->1*return(lose)", moments.join("+"))),
        _ => None,
    };
    let once: Vec<_> = once.map(|points| ("FAILPOINTS", points)).into_iter().collect();
    deployment.start("run", NAME, &[], &once)?;

    let targets = Targets { gateway: format!("http://127.0.0.1:{gateway}"), kafka: None };
    let plan = Plan { posts: 300, events: 0, time: Duration::from_secs(3) };
    let load = tokio::spawn(load::run(plan, targets, seed));
    sleep(Duration::from_millis(random.random_range(500..1500))).await;
    let struck = strike(cell.fault, &deployment, disk.as_ref()).await;
    let log = load.await.context("the publishers failed");
    let begun = Instant::now();
    let (excuse, log) = (struck?, log??);
    let drained = wait(HEALING, async || is_drained(&data, &log).unwrap_or(false)).await;
    let healed = begun.elapsed();

    let seen = Observed { mails: smtp.mails(), ..look(&data)? };
    let (count, mut faults) = invariants::check(&log, &seen, excuse);
    if !drained {
        faults.push(format!("not everything has come to its end after {HEALING:?}"));
    }
    if cell.fault == Fault::DiskFull && log.repeats == 0 {
        faults.push("the full disk was noticed by nobody".into());
    }
    faults.extend(deployment.audit()?);
    let struck = matches!(cell.fault, Fault::KillAt(_) | Fault::Signal(_));
    if !struck && !deployment.exits().is_empty() {
        faults.push(format!("the process ended by itself: {:?}", deployment.exits()));
    }
    Ok(Verdict { count, healed, faults, folder })
}

async fn strike(fault: Fault, deployment: &Deployment, disk: Option<&Disk>) -> Result<Excuse> {
    let ended = async || !deployment.exits().is_empty();
    match fault {
        Fault::Quiet => {}
        Fault::Signal(signal) => {
            deployment.signal(NAME, signal)?;
            ensure!(wait(HEALING, ended).await, "the process did not end");
            return Ok(Excuse { resent: 1, refused: 0, forgot: true });
        }
        Fault::KillAt(moment) => {
            ensure!(wait(HEALING, ended).await, "the process never came to {moment}");
            return Ok(Excuse { resent: 1, refused: 0, forgot: true });
        }
        Fault::LoseAt(_) => {
            let anew =
                || fs::read_to_string(deployment.log()).is_ok_and(|log| log.contains("starting the worker anew"));
            ensure!(wait(HEALING, async || anew()).await, "no worker was started anew");
            return Ok(Excuse { forgot: true, ..Excuse::default() });
        }
        Fault::DiskFull => {
            let disk = disk.context("the disk is not small")?;
            disk.fill()?;
            sleep(Duration::from_secs(3)).await;
            disk.free()?;
        }
        Fault::Intruder => {
            let output = deployment.run(&["run"])?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(!output.status.success(), "a second process was let in");
            ensure!(said.contains("in use by another rejoinder process"), "an unclear refusal: {said}");
        }
        other => bail!("{other} is not for the embedded deployment"),
    }
    Ok(Excuse::default())
}

fn open(data: &Path, file: &str) -> Result<Connection> {
    let connection = Connection::open_with_flags(data.join(file), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn is_drained(data: &Path, log: &ClientLog) -> Result<bool> {
    let accepted = i64::try_from(log.sent.values().filter(|sent| sent.accepted).count())?;
    let one =
        |file: &str, query: &str| -> Result<i64> { Ok(open(data, file)?.query_row(query, [], |row| row.get(0))?) };
    let mut read = true;
    for (group, topics) in GROUPS {
        for topic in topics {
            let unread = format!(
                "SELECT count(*) FROM records r WHERE topic = '{topic}' AND offset >= coalesce((SELECT next FROM offsets o
                 WHERE o.member_group = 'rejoinder-{group}' AND o.topic = r.topic AND o.partition = r.partition), 0)"
            );
            read &= one("log.sqlite", &unread)? == 0;
        }
    }
    Ok(read
        && one("comments.sqlite", "SELECT count(*) FROM comments")? >= accepted
        && one("outbox.sqlite", "SELECT count(*) FROM notifier_outbox WHERE status = 'pending'")? == 0)
}

fn look(data: &Path) -> Result<Observed> {
    let log = open(data, "log.sqlite")?;
    let of = |topic: &str| records(&log, &format!("comments.{topic}"));
    Ok(Observed {
        submitted: of("submitted")?,
        validated: of("validated")?,
        rejected: of("rejected")?,
        screened: of("screened")?,
        published: of("published")?,
        dead: of("dead-letter")?,
        rows: rows(&open(data, "comments.sqlite")?)?,
        ..Observed::default()
    })
}

fn records(log: &Connection, topic: &str) -> Result<Vec<Seen>> {
    let mut statement =
        log.prepare("SELECT partition, offset, key, headers, payload FROM records WHERE topic = ? ORDER BY 1, 2")?;
    let rows = statement.query_map([topic], |row| {
        let (key, headers): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let payload: Option<Vec<u8>> = row.get(4)?;
        Ok(Seen {
            id: id(&headers),
            key: String::from_utf8_lossy(&key).into_owned(),
            partition: row.get(0)?,
            offset: row.get(1)?,
            detail: detail(topic, payload.as_deref().unwrap_or_default()),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The header `ce_id`: the log keeps headers as length-delimited `Header` messages.
fn id(mut headers: &[u8]) -> Uuid {
    while let Ok(header) = v1::Header::decode_length_delimited(&mut headers) {
        if header.name == "ce_id" {
            return String::from_utf8_lossy(&header.value).parse().unwrap_or_default();
        }
        if headers.is_empty() {
            break;
        }
    }
    Uuid::nil()
}

fn rows(comments: &Connection) -> Result<Vec<Row>> {
    let mut statement = comments.prepare(
        "SELECT id, state, thread, parent, path, submitted_at, origin_partition, origin_offset FROM comments",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Row {
            id: Uuid::from_bytes(row.get(0)?),
            state: row.get(1)?,
            thread: row.get(2)?,
            parent: row.get::<_, Option<_>>(3)?.map(Uuid::from_bytes),
            path: row.get(4)?,
            submitted_at: row.get::<_, i64>(5)? / 1000,
            origin: (row.get(6)?, row.get(7)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
