use std::io::{self, Write};

use anyhow::{Result, bail};
use rejoinder_proto::{Timestamp, from_millis, v1};
use rejoinder_spam_filter::{Lesson, Lessons, Taught};

use super::{OPERATOR, append, check, each, log_of};
use crate::{cli::spam::ForgetArgs, config::Config};

/// `rejoinder spam forget`
pub async fn run(config: &Config, args: &ForgetArgs) -> Result<()> {
    check(config, &args.site, &args.reason)?;
    let log = log_of(config).await?;
    let mut lessons = Lessons::default();
    each(&log, |taught| {
        if taught.site == args.site {
            lessons.apply(taught);
        }
        Ok(())
    })
    .await?;
    let decided_at = Some(from_millis(chrono::Utc::now().timestamp_millis()));
    let mut events = Vec::new();
    each(&log, |taught| {
        if taught.site == args.site && lessons.holds(&taught) && is_meant(args, &taught) {
            events.push(withdrawal(args, &taught, decided_at));
        }
        Ok(())
    })
    .await?;
    if events.is_empty() {
        bail!("the filter learns no such decision; see `rejoinder spam decisions --site {}`", args.site);
    }
    let number = events.len();
    append(config, events).await?;
    Ok(writeln!(io::stdout(), "{number} decisions are taken back")?)
}

fn is_meant(args: &ForgetArgs, taught: &Taught) -> bool {
    if let Some(comment) = args.comment {
        return taught.id == comment.to_string();
    }
    let since = args.since.map(|since| {
        let at = Timestamp::from(since);
        at.seconds.saturating_mul(1_000_000) + i64::from(at.nanos / 1000)
    });
    args.moderator.as_ref() == Some(&taught.moderator) && since.is_none_or(|since| taught.decided_at >= since)
}

/// On the comment's own thread, so that it follows the decisions about it.
fn withdrawal(args: &ForgetArgs, taught: &Taught, decided_at: Option<Timestamp>) -> v1::CommentModerated {
    let thread = match &taught.lesson {
        Lesson::Ham(comment) | Lesson::Spam(comment) => comment.thread.clone().unwrap_or_default(),
        Lesson::Trash | Lesson::Withdrawn | Lesson::Reset => v1::Thread::default(),
    };
    v1::CommentModerated {
        id: taught.id.clone(),
        site: taught.site.clone(),
        thread_id: thread.id,
        action: v1::Action::Withdraw.into(),
        moderator: OPERATOR.into(),
        decided_at,
        reason: args.reason.clone(),
        ..Default::default()
    }
}
