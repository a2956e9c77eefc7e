use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

use anyhow::Result;
use chrono::{DateTime, Utc};
use rejoinder_comment_store::{
    State,
    inspect::{Inspect, ScreenedComment},
};
use rejoinder_pipeline::Record;
use rejoinder_proto::v1::Verdict;
use rejoinder_spam_filter::{Reading, model::Model};

use super::{
    Appender, OPERATOR, days_ago,
    history::{Comments, Filter, Log, top_line},
    sites,
};
use crate::{cli::spam::RescreenArgs, config::Config, deployment, seams::StoreDecisions};

/// `rejoinder spam rescreen`
pub async fn run(config: &Config, args: &RescreenArgs) -> Result<()> {
    let sites = sites(config, args.site.as_ref())?;
    let (policies, model) = (config.policies()?, Arc::new(config.model()?));
    // First, since it is refused while another process has the log.
    let mut appender = if args.dry_run { None } else { Some(Appender::open(config).await?) };
    let store = deployment::store(config).await?;
    for site in sites {
        let filter = Filter::new(policies.screening[site].clone(), Arc::<Model>::clone(&model))?;
        appender = rescreen(&store, site, args, filter, appender).await?;
    }
    Ok(())
}

async fn rescreen(
    store: &Arc<dyn Inspect>,
    site: &str,
    args: &RescreenArgs,
    mut filter: Filter,
    mut appender: Option<Appender>,
) -> Result<Option<Appender>> {
    let mut log = Log::of(StoreDecisions(Arc::clone(store)), site);
    while let Some(rows) = log.before(DateTime::<Utc>::MAX_UTC).await? {
        filter.learn(&rows).await?;
    }
    let mut comments = Comments::since(Arc::clone(store), site, days_ago(args.days));
    let (mut seen, mut decided) = (0_u64, 0_u64);
    let mut changes: BTreeMap<(Verdict, Verdict), u64> = BTreeMap::new();
    loop {
        let page = comments.next().await?;
        if page.is_empty() {
            break;
        }
        let (mut records, mut lines) = (Vec::new(), Vec::new());
        for past in &page {
            seen += 1;
            if is_decided(&past.comment) {
                decided += 1;
                continue;
            }
            let first = &past.comment.screened;
            let Some(comment) = &first.comment else { continue };
            let Some(second) = filter.judge(past, &Reading::of(comment)) else { continue };
            if second.verdict() == first.verdict() {
                continue;
            }
            *changes.entry((first.verdict(), second.verdict())).or_default() += 1;
            let (from, to) = (first.verdict().word(), second.verdict().word());
            lines.push(format!("{site}  {}  {from} -> {to}  {}", past.comment.id, top_line(&second)));
            records.push(Record::of(&second, OPERATOR, ""));
        }
        if let Some(open) = appender.take() {
            appender = Some(open.append(records).await?);
        }
        lines.iter().try_for_each(|line| writeln!(io::stdout(), "{line}"))?;
    }
    let all: u64 = changes.values().sum();
    let kinds = changes.iter().map(|((from, to), count)| format!("{count} {} -> {}", from.word(), to.word()));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let (done, kinds) =
        (if args.dry_run { "would change" } else { "change" }, if all > 0 { format!(": {kinds}") } else { kinds });
    writeln!(
        io::stdout(),
        "{site}: {seen} comments, of which moderators decided about {decided}, which stay; {all} {done}{kinds}"
    )?;
    Ok(appender)
}

/// What a person has decided stays so.
fn is_decided(comment: &ScreenedComment) -> bool {
    comment.decision.is_some() || comment.state == State::Trash
}
