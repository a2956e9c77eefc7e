//! What moderators decided, as the index remembers it.

use uuid::Uuid;

use super::{Decisions, Index, Sample, Standing, Tally, clusters::Cluster, index::Member, sample::site as site_number};

impl Index {
    /// Remembers a moderator's decision about a comment: when, in milliseconds since 1970, and whether it is spam; `None`
    /// where the decision does not say.
    pub fn decide(&mut self, sample: &Sample, at: i64, spam: Option<bool>) {
        let number = match self.by_id.get(&sample.id) {
            Some(number) => *number,
            None => self.push(sample.clone()),
        };
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
        let decided = |member: &Member| member.sample.site == site && member.decisions != Decisions::default();
        let recent = (self.base..).zip(&self.recent).filter(|(_, member)| decided(member)).map(|(number, _)| number);
        let kept = self.kept.iter().filter(|(_, member)| decided(member)).map(|(number, _)| *number);
        for number in recent.chain(kept).collect::<Vec<_>>() {
            self.change(number, |decisions| decisions.forget(at));
        }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Decisions)) {
        let Some(member) = self.member_mut(number) else { return };
        let before = member.word();
        change(&mut member.decisions);
        let (after, cluster, site) = (member.word(), member.cluster, member.sample.site);
        if let Some(cluster) = cluster.and_then(|at| self.clusters.get_mut(&at)) {
            let tally = cluster.tallies.entry(site).or_default();
            before.into_iter().for_each(|word| *tally -= Tally::of(word));
            after.into_iter().for_each(|word| *tally += Tally::of(word));
        }
    }

    /// The ids of a campaign's remembered members that no moderator has decided about.
    pub fn undecided(&self, campaign: Uuid) -> Vec<Uuid> {
        let named = self.clusters.values().filter(|cluster| cluster.name == Some(campaign));
        let members = named.flat_map(|cluster| &cluster.members).filter_map(|number| self.member(*number));
        members.filter(|member| member.word().is_none()).map(|member| member.sample.id).collect()
    }

    /// The campaigns that moderators of a site have settled as spam, with each number of decisions.
    pub fn settled(&self, site: &str, enough: u32) -> Vec<(Uuid, u32)> {
        let site = site_number(site);
        let of_site = |cluster: &Cluster| Some((cluster.name?, *cluster.tallies.get(&site)?));
        let settled = self.clusters.values().filter_map(of_site);
        settled
            .filter(|(_, tally)| tally.standing(enough) == Standing::Spam)
            .map(|(id, tally)| (id, tally.spam))
            .collect()
    }
}
