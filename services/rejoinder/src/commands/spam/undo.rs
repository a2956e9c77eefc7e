use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use rejoinder_comment_store::{
    State,
    inspect::{Inspect, ScreenedComment},
};
use rejoinder_pipeline::Record;
use rejoinder_proto::{
    Timestamp, from_millis,
    v1::{self, Comment, Verdict},
};
use rejoinder_spam_filter::{
    Lessons, Rules,
    campaign::{Index, Limits, Sample, without_campaign},
    signals::name,
};
use uuid::Uuid;

use super::{OPERATOR, PAGE, append_records, check, each, sites};
use crate::{cli::spam::UndoArgs, config::Config, deployment, seams::StoreDecisions};

/// Campaigns are looked at whole, whenever their members came.
const WHOLE: Limits = Limits { comments: 200_000, decided: 0, window: i64::MAX, burst_window: 0, min_size: u32::MAX };

/// `rejoinder spam undo`
pub async fn run(config: &Config, args: &UndoArgs) -> Result<()> {
    let store = deployment::store(config).await?;
    let mut any = false;
    for site in sites(config, args.site.as_ref())? {
        check(config, site, &args.reason)?;
        any |= undo(config, &store, site, args).await?;
    }
    if !any {
        bail!("no stored comment is part of campaign {}; see `rejoinder spam campaigns`", args.campaign);
    }
    Ok(())
}

/// Whether the site has members.
async fn undo(config: &Config, store: &Arc<dyn Inspect>, site: &str, args: &UndoArgs) -> Result<bool> {
    let mut index = Index::new(WHOLE);
    let mut first = None;
    let mut records = Vec::new();
    let mut after = None;
    let rules = Rules::new(config.policies()?.screening[site].clone())?;
    let mut verdicts: HashMap<Verdict, usize> = HashMap::new();
    loop {
        let page = store.campaign_members(site, &args.campaign.to_string(), after, PAGE).await.context("the store")?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for sample in page.iter().filter_map(|member| Sample::of(member.screened.comment.as_ref()?)) {
            first.get_or_insert(sample.id);
            index.insert(&sample, None);
        }
        let followed: Vec<_> = page.into_iter().filter(followed).collect();
        let authors: Vec<_> = followed.iter().map(|member| author(site, member)).collect();
        let approved = store.previously_approved(&authors).await.context("the store")?;
        for (member, approved) in followed.into_iter().zip(approved) {
            let second = without_campaign(member.screened, Some(approved), &rules);
            *verdicts.entry(second.verdict()).or_default() += 1;
            records.push(Record::of(&second, OPERATOR, ""));
        }
    }
    let Some(first) = first else { return Ok(false) };
    let withdrawals = withdrawals(store, site, args, &mut index, first).await?;
    let (number, enough) = (withdrawals.len(), rules.policy().campaign_decisions as usize);
    if number < enough {
        bail!(
            "{site}: moderators have called {number} members spam, and it takes {enough} to make a campaign spam: there is \
             nothing to take back. Approve {enough} of its members to clear it"
        );
    }
    // First what made it, so that no filter does again what is undone.
    records.splice(0..0, withdrawals.iter().map(|withdrawal| Record::of(withdrawal, OPERATOR, "")));
    append_records(config, records).await?;
    let of = |verdict| verdicts.get(&verdict).copied().unwrap_or(0);
    let (approved, held, spam) = (of(Verdict::Approve), of(Verdict::Hold), of(Verdict::Spam));
    writeln!(
        io::stdout(),
        "{site}: {number} decisions are taken back; {approved} comments will be shown, {held} wait for a moderator, {spam} stay \
         spam for other reasons"
    )?;
    Ok(true)
}

/// Whether a member is where it is because of its campaign, and no moderator has decided about it.
fn followed(member: &ScreenedComment) -> bool {
    let by_campaign = [name::CAMPAIGN, name::CAMPAIGN_DECIDED];
    let spoke = member.screened.signals.iter().any(|signal| by_campaign.contains(&signal.name.as_str()));
    spoke && member.decision.is_none() && matches!(member.state, State::Pending | State::Spam)
}

fn author(site: &str, member: &ScreenedComment) -> (String, String, String) {
    let author = member.screened.comment.as_ref().and_then(|comment| comment.author.clone()).unwrap_or_default();
    (site.to_owned(), author.name, author.email)
}

/// What takes back the spam decisions about the campaign's members. Some of these were decided before it was a campaign, and
/// are not stored under its name: they are those that hang together with the others.
async fn withdrawals(
    store: &Arc<dyn Inspect>,
    site: &str,
    args: &UndoArgs,
    index: &mut Index,
    first: Uuid,
) -> Result<Vec<v1::CommentModerated>> {
    let log = StoreDecisions(Arc::clone(store));
    let mut lessons = Lessons::default();
    each(&log, |taught| {
        if taught.site == site {
            lessons.apply(taught);
        }
        Ok(())
    })
    .await?;
    let spam: Vec<&Comment> = lessons.iter().filter(|(_, spam)| *spam).map(|(comment, _)| comment).collect();
    for sample in spam.iter().filter_map(|comment| Sample::of(comment)) {
        index.insert(&sample, None);
    }
    let members: HashSet<String> = index.together(first).into_iter().map(|id| id.to_string()).collect();
    let at = from_millis(chrono::Utc::now().timestamp_millis());
    let mine = spam.into_iter().filter(|comment| members.contains(&comment.id));
    Ok(mine.map(|comment| withdrawal(comment, &args.reason, at)).collect())
}

/// On the comment's own thread, so that it follows the decisions about it.
fn withdrawal(comment: &Comment, reason: &str, at: Timestamp) -> v1::CommentModerated {
    v1::CommentModerated {
        id: comment.id.clone(),
        site: comment.site.clone(),
        thread_id: comment.thread.as_ref().map_or_else(String::new, |thread| thread.id.clone()),
        action: v1::Action::Withdraw.into(),
        moderator: OPERATOR.to_owned(),
        decided_at: Some(at),
        reason: reason.to_owned(),
        ..Default::default()
    }
}
