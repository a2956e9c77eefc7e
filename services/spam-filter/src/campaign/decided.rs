//! What moderators decided, as the index remembers it.

use uuid::Uuid;

use super::{Decisions, Index, Sample, Standing, Stands, Tally, index::Member, sample::site as site_number};
use crate::{Lesson, Taught};

impl Index {
    /// Learns rows of the decision log, each with the sample of its comment where it has one.
    pub fn learn(&mut self, rows: &[(Taught, Option<Sample>)]) {
        for (row, sample) in rows {
            let id = Uuid::parse_str(&row.id).unwrap_or_default();
            match (&row.lesson, sample) {
                (Lesson::Spam(_), Some(sample)) => self.decide(sample, row.decided_at, Some(true)),
                (Lesson::Ham(_), Some(sample)) => self.decide(sample, row.decided_at, Some(false)),
                (Lesson::Trash, _) => {
                    if let Some(number) = self.by_id.get(&id) {
                        self.change(*number, |decisions| decisions.decide(row.decided_at, None));
                    }
                }
                (Lesson::Withdrawn, _) => self.withdraw(id, row.decided_at),
                (Lesson::Reset, _) => self.reset(&row.site, row.decided_at),
                // Reported under an id that is none.
                (Lesson::Spam(_) | Lesson::Ham(_), None) => {}
            }
        }
    }

    /// Remembers a moderator's decision about a comment: when, in microseconds since 1970, and whether it is spam; `None`
    /// where the decision does not say.
    pub fn decide(&mut self, sample: &Sample, at: i64, spam: Option<bool>) {
        let Some(number) = self.number(sample) else { return };
        let early = self.early.remove(&sample.id);
        self.change(number, |decisions| {
            decisions.decide(at, spam);
            early.into_iter().for_each(|at| decisions.withdraw(at));
        });
    }

    /// What was decided about a comment at this time or before is void.
    pub fn withdraw(&mut self, id: Uuid, at: i64) {
        match self.by_id.get(&id) {
            Some(number) => self.change(*number, |decisions| decisions.withdraw(at)),
            // A rebuilt store may tell of it before it tells of the decision.
            None if self.early.len() < self.limits.decided => {
                let early = self.early.entry(id).or_insert(at);
                *early = at.max(*early);
            }
            None => {}
        }
    }

    /// What was decided on a site at this time or before is forgotten.
    pub fn reset(&mut self, site: &str, at: i64) {
        let site = site_number(site);
        let decided = |member: &Member| member.sample.site == site && member.decisions() != Decisions::default();
        let recent = (self.base..).zip(&self.recent).filter(|(_, member)| decided(member)).map(|(number, _)| number);
        let kept = self.kept.iter().filter(|(_, member)| decided(member)).map(|(number, _)| *number);
        for number in recent.chain(kept).collect::<Vec<_>>() {
            self.change(number, |decisions| decisions.forget(at));
        }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Decisions)) {
        let Some(member) = self.member_mut(number) else { return };
        let before = member.word();
        member.change(change);
        let (after, cluster, site) = (member.word(), member.cluster, member.sample.site);
        if let Some(cluster) = cluster.and_then(|at| self.clusters.get_mut(&at)) {
            let tally = cluster.tallies.entry(site).or_default();
            before.into_iter().for_each(|word| *tally -= Tally::of(word));
            after.into_iter().for_each(|word| *tally += Tally::of(word));
        }
    }

    /// Where a comment stands by a screening in the log.
    pub fn hear(&mut self, id: Uuid, revision: i32, stands: Stands) {
        let Some(member) = self.by_id.get(&id).copied().and_then(|number| self.member_mut(number)) else { return };
        if member.heard.is_none_or(|(known, _)| known <= revision) {
            member.heard = Some((revision, stands));
        }
    }

    /// The campaigns that moderators of a site have brought to a standing.
    pub fn with_standing(&self, site: &str, enough: u32, standing: Standing) -> Vec<Uuid> {
        let site = site_number(site);
        let is_meant = |tally: &Tally| tally.standing(enough) == standing;
        let meant = self.clusters.values().filter(|cluster| cluster.tallies.get(&site).is_some_and(is_meant));
        meant.filter_map(|cluster| cluster.name).collect()
    }

    /// The members of a campaign on a site that stand so, and about which no moderator has decided: their ids and when they
    /// were submitted, in milliseconds since 1970, in the order of the ids.
    pub fn members(&self, campaign: Uuid, site: &str, stands: Stands) -> Vec<(Uuid, i64)> {
        let site = site_number(site);
        let named = self.clusters.values().filter(|cluster| cluster.name == Some(campaign));
        let members = named.flat_map(|cluster| &cluster.members).filter_map(|number| self.member(*number));
        let meant = members.filter(|member| {
            member.heard.is_some_and(|(_, heard)| heard == stands)
                && member.sample.site == site
                && !member.decisions().is_decided()
        });
        let mut meant: Vec<_> = meant.map(|member| (member.sample.id, member.sample.at)).collect();
        meant.sort_unstable();
        meant
    }

    /// All remembered comments that hang together with one, that one included.
    pub fn together(&self, id: Uuid) -> Vec<Uuid> {
        let cluster = || self.clusters.get(&self.member(*self.by_id.get(&id)?)?.cluster?);
        let members = cluster().into_iter().flat_map(|cluster| &cluster.members);
        members.filter_map(|number| self.member(*number)).map(|member| member.sample.id).collect()
    }
}
