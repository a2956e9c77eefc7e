//! What moderators' decisions say of a campaign.

use std::ops::{AddAssign, SubAssign};

/// What a moderator's decisions about a member come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is spam.
    Spam,
    /// It is not.
    Ham,
    /// It had been called spam, and that was taken back.
    Withdrawn,
}

/// What moderators decided about a member, in whatever order it is heard of. Times are in microseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decisions {
    /// The last decision: when, and whether it was spam; `None` where it says nothing about that.
    last: Option<(i64, Option<bool>)>,
    /// What was decided at this time or before is void.
    void: Option<i64>,
}

impl Decisions {
    /// A decision; of several the last by time counts.
    pub fn decide(&mut self, at: i64, spam: Option<bool>) {
        if self.last.is_none_or(|(last, _)| last <= at) {
            self.last = Some((at, spam));
        }
    }

    /// Takes back what was decided at `at` or before.
    pub fn withdraw(&mut self, at: i64) {
        self.void = self.void.max(Some(at));
    }

    /// Forgets what was decided at `at` or before, as if it had never been said.
    pub fn forget(&mut self, at: i64) {
        self.last = self.last.filter(|(last, _)| *last > at);
        self.void = self.void.filter(|void| *void > at);
    }

    /// Whether anything was ever decided about it.
    pub fn is_decided(self) -> bool {
        self.last.is_some()
    }

    /// What they come to; `None` when they say nothing.
    pub fn word(self) -> Option<Word> {
        let (at, spam) = self.last?;
        let in_force = self.void.is_none_or(|void| at > void);
        match spam? {
            true if in_force => Some(Word::Spam),
            true => Some(Word::Withdrawn),
            false => in_force.then_some(Word::Ham),
        }
    }
}

/// How many members were called what, each by the last decision about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Spam.
    pub spam: u32,
    /// Not spam.
    pub ham: u32,
    /// No longer spam.
    pub withdrawn: u32,
}

impl Tally {
    /// A single word.
    pub fn of(word: Word) -> Self {
        let n = |is: bool| u32::from(is);
        Self { spam: n(word == Word::Spam), ham: n(word == Word::Ham), withdrawn: n(word == Word::Withdrawn) }
    }

    /// Where the campaign stands after these, where it takes `enough` decisions to settle it.
    pub fn standing(self, enough: u32) -> Standing {
        let enough = enough.max(1);
        match self {
            Tally { spam, ham: 0, .. } if spam >= enough => Standing::Spam,
            Tally { spam: 0, ham, withdrawn } if ham + withdrawn >= enough => Standing::Cleared,
            Tally { spam, ham, .. } if spam > 0 && ham > 0 => Standing::Disputed,
            _ => Standing::Open,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.spam += other.spam;
        self.ham += other.ham;
        self.withdrawn += other.withdrawn;
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, other: Self) {
        self.spam = self.spam.saturating_sub(other.spam);
        self.ham = self.ham.saturating_sub(other.ham);
        self.withdrawn = self.withdrawn.saturating_sub(other.withdrawn);
    }
}

/// Where a campaign stands on a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Too few decisions: its size alone counts.
    #[default]
    Open,
    /// Enough members were called spam and none was called ham: the others follow.
    Spam,
    /// Some were called spam and some ham: its size alone counts.
    Disputed,
    /// Enough members were called ham, or were no spam after all, and none is spam: its size means nothing.
    Cleared,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_decision_counts_whatever_the_order_and_a_withdrawal_voids_what_was_before() {
        let of = |steps: &[(i64, Option<bool>)], void: Option<i64>| {
            let mut decisions = Decisions::default();
            steps.iter().for_each(|(at, spam)| decisions.decide(*at, *spam));
            void.into_iter().for_each(|at| decisions.withdraw(at));
            decisions.word()
        };
        let (spam, ham) = ((1, Some(true)), (2, Some(false)));
        assert_eq!(of(&[spam, ham], None), Some(Word::Ham));
        assert_eq!(of(&[ham, spam], None), Some(Word::Ham));
        assert_eq!(of(&[spam], Some(1)), Some(Word::Withdrawn));
        assert_eq!(of(&[spam], Some(0)), Some(Word::Spam));
        assert_eq!(of(&[ham], Some(2)), None);
        assert_eq!(of(&[spam, (3, None)], None), None, "the trash says nothing");
        assert_eq!(of(&[], Some(2)), None);
    }

    #[test]
    fn enough_decisions_of_one_mind_settle_it() {
        for (spam, ham, withdrawn, standing) in [
            (0, 0, 0, Standing::Open),
            (2, 0, 0, Standing::Open),
            (3, 0, 0, Standing::Spam),
            (9, 0, 3, Standing::Spam),
            (9, 1, 0, Standing::Disputed),
            (1, 9, 0, Standing::Disputed),
            (0, 2, 0, Standing::Open),
            (0, 3, 0, Standing::Cleared),
            (0, 0, 3, Standing::Cleared),
            (0, 1, 2, Standing::Cleared),
            (1, 0, 3, Standing::Open),
        ] {
            assert_eq!(Tally { spam, ham, withdrawn }.standing(3), standing, "{spam} {ham} {withdrawn}");
        }
    }
}
