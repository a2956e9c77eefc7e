use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    num::NonZeroU64,
};

use uuid::Uuid;

use super::{
    Campaign, Decisions, Limits, Sample, Seen, Stands, Tally, Word,
    clusters::{Cluster, Counts},
    sketch::glimpse,
    table::Table,
};

/// A sample as it is remembered. Its signature fills its first cache line, which is all that is read of most candidates.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Member {
    pub(super) sample: Sample,
    pub(super) cluster: Option<NonZeroU64>,
    /// Earlier copies, and comments of the author and from the address when it came.
    seen: (u32, u32, u32),
    /// Few have any.
    decisions: Option<Box<Decisions>>,
    /// Its last screening in the log: the revision, and where it stands since.
    pub(super) heard: Option<(i32, Stands)>,
}

impl Member {
    pub(super) fn word(&self) -> Option<Word> {
        self.decisions().word()
    }

    pub(super) fn decisions(&self) -> Decisions {
        self.decisions.as_deref().copied().unwrap_or_default()
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut Decisions)) {
        let mut decisions = self.decisions();
        change(&mut decisions);
        self.decisions = (decisions != Decisions::default()).then(|| Box::new(decisions));
    }
}

/// The comments of a window in time, and which of them belong together.
///
/// A comment counts once, however often it is inserted, so that several readers of the log can share an index.
#[derive(Debug)]
pub struct Index {
    pub(super) limits: Limits,
    /// The samples in their order, numbered from `base` on.
    pub(super) recent: VecDeque<Member>,
    /// Of each of them what [`glimpse`] takes: together they fit where a processor looks at once.
    pub(super) glimpses: VecDeque<u64>,
    pub(super) base: u64,
    /// Decided samples that have left the window.
    pub(super) kept: BTreeMap<u64, Member>,
    pub(super) by_id: HashMap<Uuid, u64>,
    /// Withdrawals of decisions that are still to come.
    pub(super) early: HashMap<Uuid, i64>,
    pub(super) recent_table: Table,
    pub(super) kept_table: Table,
    pub(super) clusters: HashMap<NonZeroU64, Cluster>,
    next_cluster: NonZeroU64,
    texts: HashMap<u64, u32>,
    /// Counts of the samples from `burst_base` on.
    authors: Counts,
    addresses: Counts,
    burst_base: u64,
    newest: i64,
}

impl Index {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self {
            // All of it at once, and none of it before it is used: growing would leave up to half of it empty.
            recent: VecDeque::with_capacity(limits.comments),
            glimpses: VecDeque::with_capacity(limits.comments),
            base: 0,
            kept: BTreeMap::new(),
            by_id: HashMap::new(),
            early: HashMap::new(),
            recent_table: Table::new(limits.comments),
            kept_table: Table::new(limits.decided),
            clusters: HashMap::new(),
            next_cluster: NonZeroU64::MIN,
            texts: HashMap::new(),
            authors: Counts::default(),
            addresses: Counts::default(),
            burst_base: 0,
            newest: i64::MIN,
            limits,
        }
    }

    /// Remembers a comment, and says what is known of it. `told` is the campaign that another reader of the log found it
    /// in.
    pub fn insert(&mut self, sample: &Sample, told: Option<Uuid>) -> Seen {
        let Some(number) = self.number(sample) else { return Seen::default() };
        self.tell(number, told);
        self.seen(number)
    }

    /// The number of a comment, which is remembered if it was not; `None` when the id is that of another site's comment. A
    /// blog may name one, and is not to hear of it or to decide about it.
    pub(super) fn number(&mut self, sample: &Sample) -> Option<u64> {
        match self.by_id.get(&sample.id).copied() {
            Some(number) => self.member(number).is_some_and(|known| known.sample.site == sample.site).then_some(number),
            None => Some(self.push(sample.clone())),
        }
    }

    /// Remembers comments that came together, and says of each what is known once all of them are there: so the first of a
    /// wave are seen in it, too.
    pub fn insert_all<'a>(&mut self, samples: impl Iterator<Item = Option<&'a Sample>> + Clone) -> Vec<Seen> {
        for sample in samples.clone().flatten() {
            self.insert(sample, None);
        }
        samples.map(|sample| sample.map_or_else(Seen::default, |sample| self.insert(sample, None))).collect()
    }

    /// What is known of a comment by now; nothing when it is not remembered.
    pub fn look_up(&self, id: Uuid) -> Seen {
        self.by_id.get(&id).map_or_else(Seen::default, |number| self.seen(*number))
    }

    /// How far back it remembers, in milliseconds, and at most how many comments.
    pub(super) fn room(&self) -> (i64, u64) {
        (self.limits.window, self.limits.comments as u64)
    }

    /// How many comments are remembered.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether a comment is remembered.
    pub(super) fn knows(&self, id: Uuid) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Another reader of the log found a comment in a campaign.
    pub(super) fn tell_of(&mut self, id: Uuid, told: Option<Uuid>) {
        if let Some(number) = self.by_id.get(&id) {
            self.tell(*number, told);
        }
    }

    fn push(&mut self, sample: Sample) -> u64 {
        self.newest = self.newest.max(sample.at);
        self.forget();
        let number = self.base + self.recent.len() as u64;
        let copies = self.texts.entry(sample.text).or_insert(0);
        let earlier = if sample.text == 0 { 0 } else { *copies };
        *copies += 1;
        self.authors.add(sample.author);
        self.addresses.add(sample.address);
        let count = |counts: &Counts, value: u32| if value == 0 { 0 } else { counts.get(value) };
        let seen = (earlier, count(&self.authors, sample.author), count(&self.addresses, sample.address));
        let near = self.near(&sample);
        self.by_id.insert(sample.id, number);
        self.glimpses.push_back(glimpse(&sample.signature));
        self.recent.push_back(Member { sample, cluster: None, seen, decisions: None, heard: None });
        self.join(number, &near);
        self.enter(number);
        number
    }

    /// Puts a sample into one cluster with all that it belongs to.
    fn join(&mut self, number: u64, near: &[u64]) {
        if near.is_empty() {
            return;
        }
        let mut clusters: Vec<NonZeroU64> = near.iter().filter_map(|near| self.member(*near)?.cluster).collect();
        let size = |at: &NonZeroU64| self.clusters.get(at).map_or(0, |cluster| cluster.members.len());
        clusters.sort_unstable_by_key(|at| std::cmp::Reverse(size(at)));
        let home = clusters.first().copied().unwrap_or_else(|| {
            self.next_cluster = self.next_cluster.saturating_add(1);
            self.next_cluster
        });
        let mut cluster = self.clusters.remove(&home).unwrap_or_default();
        for other in clusters.iter().skip(1) {
            if let Some(other) = self.clusters.remove(other) {
                for number in &other.members {
                    if let Some(member) = self.member_mut(*number) {
                        member.cluster = Some(home);
                    }
                }
                cluster.absorb(other);
            }
        }
        for number in near.iter().chain([&number]) {
            let Some(member) = self.member_mut(*number) else { continue };
            if member.cluster.is_none() {
                member.cluster = Some(home);
                cluster.add(*number, &member.sample);
                if let Some(word) = member.word() {
                    *cluster.tallies.entry(member.sample.site).or_default() += Tally::of(word);
                }
            }
        }
        self.clusters.insert(home, cluster);
        self.name(home);
    }

    /// Gives a cluster its name once it is a campaign.
    fn name(&mut self, at: NonZeroU64) {
        let Some(cluster) = self.clusters.get(&at) else { return };
        if cluster.name.is_none() && self.is_campaign(cluster) {
            let ids = cluster.members.iter().filter_map(|number| self.member(*number)).map(|member| member.sample.id);
            let first = ids.min();
            if let Some(cluster) = self.clusters.get_mut(&at) {
                cluster.call(first);
            }
        }
    }

    fn is_campaign(&self, cluster: &Cluster) -> bool {
        cluster.members.len() >= self.limits.min_size as usize && cluster.is_spread()
    }

    /// Another reader of the log found the sample in a campaign: this is its name, if it is one here too.
    fn tell(&mut self, number: u64, told: Option<Uuid>) {
        let at = self.member(number).and_then(|member| member.cluster);
        if let Some(cluster) = at.and_then(|at| self.clusters.get_mut(&at)) {
            cluster.call(told);
        }
    }

    fn seen(&self, number: u64) -> Seen {
        let Some(member) = self.member(number) else { return Seen::default() };
        let (copies, by_author, by_address) = member.seen;
        let cluster = member.cluster.and_then(|at| self.clusters.get(&at)).filter(|cluster| self.is_campaign(cluster));
        let campaign = cluster.and_then(|cluster| {
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let first = cluster.members.first().and_then(|number| self.member(*number));
            Some(Campaign {
                id: cluster.name?,
                size: count(cluster.members.len()),
                threads: count(cluster.threads.len()),
                authors: count(cluster.authors.len()),
                addresses: count(cluster.addresses.len()),
                sites: count(cluster.sites.len()),
                first_seen: first.map_or(member.sample.at, |first| first.sample.at.min(member.sample.at)),
                tally: cluster.tallies.get(&member.sample.site).copied().unwrap_or_default(),
            })
        });
        Seen { copies, by_author, by_address, campaign }
    }

    /// Makes a sample of the window findable.
    fn enter(&mut self, number: u64) {
        let Some(at) = usize::try_from(number - self.base).ok() else { return };
        let (recent, base) = (&self.recent, self.base);
        let Some(Member { sample, cluster, .. }) = recent.get(at) else { return };
        let of = |number: u64| recent.get(usize::try_from(number.checked_sub(base)?).ok()?)?.cluster;
        let is_like = |other: u64| cluster.is_some() && of(other) == *cluster;
        self.recent_table.put(number, &sample.signature, sample.runs, &sample.anchors, is_like);
    }

    /// Drops what has left the window, or has no room.
    fn forget(&mut self) {
        let oldest = self.newest.saturating_sub(self.limits.window);
        while self.recent.len() >= self.limits.comments.max(1)
            || self.recent.front().is_some_and(|member| member.sample.at < oldest)
        {
            let Some(member) = self.recent.pop_front() else { break };
            self.glimpses.pop_front();
            let number = self.base;
            self.base += 1;
            self.uncount(number, &member);
            if member.word().is_some() {
                let Sample { signature, runs, anchors, .. } = &member.sample;
                self.kept_table.put(number, signature, *runs, anchors, |_| false);
                self.kept.insert(number, member);
            } else {
                self.leave(number, &member);
            }
        }
        while self.kept.len() > self.limits.decided {
            if let Some((number, member)) = self.kept.pop_first() {
                self.leave(number, &member);
            }
        }
        self.end_bursts();
    }

    /// A sample leaves the window, and with it the counts.
    fn uncount(&mut self, number: u64, member: &Member) {
        let Sample { text, author, address, .. } = &member.sample;
        if let Some(count) = self.texts.get_mut(text) {
            *count -= 1;
            if *count == 0 {
                self.texts.remove(text);
            }
        }
        if number >= self.burst_base {
            self.authors.remove(*author);
            self.addresses.remove(*address);
            self.burst_base = number + 1;
        }
    }

    fn end_bursts(&mut self) {
        let oldest = self.newest.saturating_sub(self.limits.burst_window);
        while let Some(at) =
            self.burst_base.max(self.base).checked_sub(self.base).and_then(|at| usize::try_from(at).ok())
            && let Some(member) = self.recent.get(at).filter(|member| member.sample.at < oldest)
        {
            self.authors.remove(member.sample.author);
            self.addresses.remove(member.sample.address);
            self.burst_base = self.base + at as u64 + 1;
        }
    }

    /// A sample is no longer remembered.
    fn leave(&mut self, number: u64, member: &Member) {
        self.by_id.remove(&member.sample.id);
        let Some(at) = member.cluster else { return };
        let Some(cluster) = self.clusters.get_mut(&at) else { return };
        cluster.remove(number, &member.sample);
        if let Some(word) = member.word() {
            *cluster.tallies.entry(member.sample.site).or_default() -= Tally::of(word);
        }
        if cluster.members.is_empty() {
            self.clusters.remove(&at);
        }
    }

    pub(super) fn member(&self, number: u64) -> Option<&Member> {
        match number.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()) {
            Some(at) => self.recent.get(at),
            None => self.kept.get(&number),
        }
    }

    pub(super) fn member_mut(&mut self, number: u64) -> Option<&mut Member> {
        match number.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()) {
            Some(at) => self.recent.get_mut(at),
            None => self.kept.get_mut(&number),
        }
    }
}
