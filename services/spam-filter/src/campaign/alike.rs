//! Which samples belong together with one.

use super::{
    Index, Sample,
    index::Member,
    sketch::{Sketch, glimpse, may_be_alike},
};

/// Texts with this share of their runs in common are variants of one text: a spinner that changes every fifth word
/// leaves about so much, and unrelated comments have a tenth.
const ALIKE: f64 = 0.5;

/// Texts that lead to the same place need only be somewhat alike: people who discuss one product are not.
const ALIKE_WITH_ANCHOR: f64 = 0.3;

/// With fewer different runs of letters, two texts are alike by chance: greetings, thanks, slogans.
const MIN_RUNS: u32 = 40;

/// The same where they lead to the same place.
const MIN_RUNS_WITH_ANCHOR: u32 = 8;

impl Index {
    /// The samples that belong together with one, one of each cluster.
    pub(super) fn near(&self, sample: &Sample) -> Vec<u64> {
        let Sample { signature, runs, anchors, .. } = sample;
        let mut candidates = Vec::new();
        for table in [&self.recent_table, &self.kept_table] {
            table.candidates(signature, *runs, anchors, &mut candidates);
        }
        // Without an anchor in common, only what has half of its runs in common belongs together.
        if anchors.iter().all(|anchor| *anchor == 0) {
            let own = glimpse(signature);
            candidates.retain(|number| self.glimpse(*number).is_none_or(|other| may_be_alike(own, other)));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let mut clusters = Vec::new();
        candidates.retain(|number| {
            let Some(member) = self.member(*number) else { return false };
            if !self.belong(sample, member) || member.cluster.is_some_and(|cluster| clusters.contains(&cluster)) {
                return false;
            }
            clusters.extend(member.cluster);
            true
        });
        candidates
    }

    fn glimpse(&self, number: u64) -> Option<u64> {
        self.glimpses.get(usize::try_from(number.checked_sub(self.base)?).ok()?).copied()
    }

    fn belong(&self, sample: &Sample, member: &Member) -> bool {
        let other = &member.sample;
        // Most are not alike at all, and nothing but this is read of them.
        let likeness = Sketch::likeness(&sample.signature, &other.signature);
        if likeness < ALIKE_WITH_ANCHOR {
            return false;
        }
        if member.word().is_none() && sample.at.abs_diff(other.at) > self.limits.window.unsigned_abs() {
            return false;
        }
        let runs = sample.runs.min(other.runs);
        if runs < MIN_RUNS_WITH_ANCHOR {
            return false;
        }
        if runs >= MIN_RUNS && likeness >= ALIKE {
            return true;
        }
        sample.anchors.iter().any(|anchor| *anchor != 0 && other.anchors.contains(anchor))
    }
}
