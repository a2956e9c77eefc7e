use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use rejoinder_comment_store::inspect::Inspect;
use rejoinder_proto::v1::CommentScreened;
use rejoinder_spam_filter::{Policy, Reading, model::Model};
use serde_json::{Value, json};

use self::tally::{Change, Decided, Tally};
use super::{
    days_ago,
    history::{Comments, Filter, Log, Past, top, top_line},
    judge, sites,
};
use crate::{
    cli::spam::BacktestArgs,
    config::{Config, Policies, laid_over},
    deployment,
    seams::StoreDecisions,
};

mod tally;

/// What only the moment could tell is kept as it was stored, so these settings make no difference here.
const OF_THE_MOMENT: [&str; 3] = ["campaign_", "repeat_", "burst_"];

/// `rejoinder spam backtest`
pub async fn run(config: &Config, args: &BacktestArgs) -> Result<()> {
    let policies = config.policies()?;
    let live_model = Arc::new(config.model()?);
    let candidate = Candidate::of(config, &policies, args, &live_model)?;
    let mut pairs = Vec::new();
    for site in sites(config, args.site.as_ref())? {
        let live = &policies.screening[site];
        let Some(policy) = candidate.policy(&policies, site, live)? else { continue };
        not_tried(site, live, &policy);
        pairs.push((site, live.clone(), policy));
    }
    if pairs.is_empty() {
        bail!(
            "there is nothing to compare with: give --policy or --model, or put something on trial in the configuration \
             (policy.trial.screening, spam_filter.trial_model)"
        );
    }
    let store = deployment::store(config).await?;
    let mut tally = Tally::default();
    for (site, live, policy) in pairs {
        let live = Filter::new(live, Arc::clone(&live_model))?;
        let on_trial = Filter::new(policy, Arc::clone(&candidate.model))?;
        backtest(&store, site, args, live, on_trial, &mut tally).await?;
    }
    match args.json {
        true => writeln!(io::stdout(), "{}", tally.json())?,
        false => write!(io::stdout(), "{tally}")?,
    }
    Ok(())
}

/// What the live filter is compared with.
struct Candidate {
    model: Arc<Model>,
    /// Settings over each site's live policy; `None` for what the configuration has on trial.
    over: Option<Value>,
}

impl Candidate {
    fn of(config: &Config, policies: &Policies, args: &BacktestArgs, live: &Arc<Model>) -> Result<Self> {
        if args.model.is_none() && args.policy.is_none() {
            let model = if policies.trials.is_empty() { None } else { config.trial_model()? };
            return Ok(Self { model: model.map_or_else(|| Arc::clone(live), Arc::new), over: None });
        }
        let model = match &args.model {
            Some(path) => Arc::new(judge::model(Some(path))?),
            None => Arc::clone(live),
        };
        let over = args.policy.as_deref().map_or(Ok(Value::Null), settings)?;
        Ok(Self { model, over: Some(over) })
    }

    /// The site's policy; `None` where nothing is on trial.
    fn policy(&self, policies: &Policies, site: &str, live: &Policy) -> Result<Option<Policy>> {
        let Some(over) = &self.over else { return Ok(policies.trials.get(site).map(|trial| trial.policy.clone())) };
        let policy = laid_over(live, over).map_err(|error| {
            let path = error.path().to_string();
            anyhow::anyhow!("--policy, at {path} (for site {site}): {}", error.into_inner())
        })?;
        policy.check().with_context(|| format!("--policy (for site {site})"))?;
        Ok(Some(policy))
    }
}

fn settings(path: &Path) -> Result<Value> {
    let named = || format!("--policy {}", path.display());
    let table: toml::Table = toml::from_str(&fs::read_to_string(path).with_context(named)?).with_context(named)?;
    serde_json::to_value(table).with_context(named)
}

/// Says which differences cannot be seen.
fn not_tried(site: &str, live: &Policy, candidate: &Policy) {
    let [live, candidate] = [live, candidate].map(|policy| serde_json::to_value(policy).unwrap_or_default());
    let fields = candidate.as_object().into_iter().flatten();
    let differ = fields.filter(|(field, value)| live.get(field) != Some(value)).map(|(field, _)| field.as_str());
    let unseen: Vec<_> = differ.filter(|field| OF_THE_MOMENT.iter().any(|part| field.starts_with(part))).collect();
    if !unseen.is_empty() {
        tracing::warn!(site, fields = unseen.join(", "), "these make no difference here: what was seen then is kept");
    }
}

async fn backtest(
    store: &Arc<dyn Inspect>,
    site: &str,
    args: &BacktestArgs,
    mut live: Filter,
    mut candidate: Filter,
    tally: &mut Tally,
) -> Result<()> {
    let mut comments = Comments::since(Arc::clone(store), site, days_ago(args.days));
    let mut log = Log::of(StoreDecisions(Arc::clone(store)), site);
    loop {
        let page = comments.next().await?;
        if page.is_empty() {
            return Ok(());
        }
        for past in &page {
            // Neither knows more than it could when the comment came, least of all what was decided about it.
            while let Some(rows) = log.before(past.comment.submitted_at).await? {
                live.learn(&rows).await?;
                candidate.learn(&rows).await?;
            }
            let Some(comment) = &past.comment.screened.comment else { continue };
            let reading = Reading::of(comment);
            let (Some(live), Some(candidate)) = (live.judge(past, &reading), candidate.judge(past, &reading)) else {
                continue;
            };
            let decided = Decided::of(past.comment.decision.as_ref().map(|decision| decision.action));
            if let Some(change) = tally.add(decided, live.verdict(), candidate.verdict()) {
                writeln!(io::stdout(), "{}", line(site, past, change, &live, &candidate, args.json))?;
            }
        }
    }
}

fn line(
    site: &str,
    past: &Past,
    change: Change,
    live: &CommentScreened,
    candidate: &CommentScreened,
    as_json: bool,
) -> String {
    let (id, from, to) = (past.comment.id, live.verdict().word(), candidate.verdict().word());
    if !as_json {
        // What speaks against a comment is said by whoever is stricter.
        let stricter = if candidate.verdict() > live.verdict() { candidate } else { live };
        return format!("{:<18} {site}  {id}  {from} -> {to}  {}", change.said(), top_line(stricter));
    }
    let side = |screened: &CommentScreened| {
        let signals = top(screened).map(|signal| json!({"name": signal.name, "weight": signal.weight}));
        json!({
            "verdict": screened.verdict().word(), "score": screened.score, "policy_version": screened.policy_version,
            "model_version": screened.model_version, "signals": signals.collect::<Vec<_>>(),
        })
    };
    json!({"change": change.name(), "site": site, "comment": id, "live": side(live), "candidate": side(candidate)})
        .to_string()
}
