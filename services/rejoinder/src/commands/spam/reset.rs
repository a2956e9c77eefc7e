use std::io::{self, Write};

use anyhow::Result;
use rejoinder_proto::{from_millis, v1};
use uuid::Uuid;

use super::{OPERATOR, append, check};
use crate::{cli::spam::ResetArgs, config::Config};

/// `rejoinder spam reset`
pub async fn run(config: &Config, args: &ResetArgs) -> Result<()> {
    check(config, &args.site, &args.reason)?;
    let event = v1::CommentModerated {
        id: Uuid::now_v7().to_string(),
        site: args.site.clone(),
        action: v1::Action::Reset.into(),
        moderator: OPERATOR.into(),
        decided_at: Some(from_millis(chrono::Utc::now().timestamp_millis())),
        reason: args.reason.clone(),
        ..Default::default()
    };
    append(config, vec![event]).await?;
    Ok(writeln!(io::stdout(), "all that was learnt about {} is taken back", args.site)?)
}
