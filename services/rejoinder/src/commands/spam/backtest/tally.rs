//! How many comments would be judged otherwise, by what moderators said of them.

use std::fmt;

use rejoinder_proto::v1::{Action, Verdict};
use serde_json::{Value, json};

/// What moderators said of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Spam, or for the trash.
    Bad,
    /// Approved.
    Good,
    /// Nothing.
    Open,
}

impl Decided {
    /// The decision in force.
    pub fn of(action: Option<Action>) -> Self {
        match action {
            Some(Action::Spam | Action::Trash) => Self::Bad,
            Some(Action::Approve) => Self::Good,
            Some(Action::Unspecified | Action::Withdraw | Action::Reset) | None => Self::Open,
        }
    }

    const ALL: [Self; 3] = [Self::Bad, Self::Good, Self::Open];

    fn said(self) -> &'static str {
        match self {
            Self::Bad => "moderators: spam, trash",
            Self::Good => "moderators: approved",
            Self::Open => "nobody decided",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bad => "spam_or_trash",
            Self::Good => "approved",
            Self::Open => "undecided",
        }
    }
}

/// What another verdict means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A bad comment is held or spam that was less than that.
    NewCatch,
    /// A bad comment is shown or held that was more than that.
    Missed,
    /// A good comment is held or spam that was less than that.
    FalseAlarm,
    /// A good comment is shown or held that was more than that.
    Relieved,
    /// More is held against a comment that nobody decided about.
    Stricter,
    /// Less is.
    Milder,
}

impl Change {
    const ALL: [Self; 6] =
        [Self::NewCatch, Self::Missed, Self::FalseAlarm, Self::Relieved, Self::Stricter, Self::Milder];

    /// What follows from the live verdict and the candidate's; `None` where they are the same.
    pub fn between(decided: Decided, live: Verdict, candidate: Verdict) -> Option<Self> {
        let stricter = match candidate.cmp(&live) {
            std::cmp::Ordering::Equal => return None,
            order => order.is_gt(),
        };
        Some(match (decided, stricter) {
            (Decided::Bad, true) => Self::NewCatch,
            (Decided::Bad, false) => Self::Missed,
            (Decided::Good, true) => Self::FalseAlarm,
            (Decided::Good, false) => Self::Relieved,
            (Decided::Open, true) => Self::Stricter,
            (Decided::Open, false) => Self::Milder,
        })
    }

    /// In words.
    pub fn said(self) -> &'static str {
        match self {
            Self::NewCatch => "new catch",
            Self::Missed => "missed now",
            Self::FalseAlarm => "new false alarm",
            Self::Relieved => "false alarm less",
            Self::Stricter => "stricter",
            Self::Milder => "milder",
        }
    }

    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NewCatch => "new_catch",
            Self::Missed => "missed_now",
            Self::FalseAlarm => "new_false_alarm",
            Self::Relieved => "false_alarm_less",
            Self::Stricter => "stricter",
            Self::Milder => "milder",
        }
    }
}

const VERDICTS: [Verdict; 3] = [Verdict::Approve, Verdict::Hold, Verdict::Spam];

/// How many comments had which verdicts: by what was decided, the live one, and the candidate's.
#[derive(Clone, Debug, Default)]
pub struct Tally([[[u64; 3]; 3]; 3]);

impl Tally {
    /// Counts a comment, and says what changes for it.
    pub fn add(&mut self, decided: Decided, live: Verdict, candidate: Verdict) -> Option<Change> {
        let place = |verdict| match verdict {
            Verdict::Approve => 0,
            Verdict::Hold | Verdict::Unspecified => 1,
            Verdict::Spam => 2,
        };
        self.0[decided as usize][place(live)][place(candidate)] += 1;
        Change::between(decided, live, candidate)
    }

    /// How many comments of what was decided had a verdict: by the live filter, and by the candidate.
    fn of(&self, decided: Decided, verdict: usize) -> (u64, u64) {
        let table = &self.0[decided as usize];
        (table[verdict].iter().sum(), table.iter().map(|row| row[verdict]).sum())
    }

    fn all(&self, decided: Decided) -> u64 {
        self.0[decided as usize].iter().flatten().sum()
    }

    fn changes(&self, change: Change) -> u64 {
        let pairs = (0..3).flat_map(|live| (0..3).map(move |candidate| (live, candidate)));
        let counts = Decided::ALL.iter().flat_map(|decided| pairs.clone().map(move |pair| (*decided, pair)));
        counts
            .filter(|(decided, (live, other))| {
                Change::between(*decided, VERDICTS[*live], VERDICTS[*other]) == Some(change)
            })
            .map(|(decided, (live, other))| self.0[decided as usize][live][other])
            .sum()
    }

    /// The totals for programs.
    pub fn json(&self) -> Value {
        let side = |decided, pick: fn((u64, u64)) -> u64| -> Value {
            (0..3)
                .map(|verdict| (VERDICTS[verdict].word().to_owned(), json!(pick(self.of(decided, verdict)))))
                .collect()
        };
        let comments: Value = Decided::ALL
            .iter()
            .map(|decided| {
                let sides = json!({"live": side(*decided, |both| both.0), "candidate": side(*decided, |both| both.1)});
                (decided.name().to_owned(), sides)
            })
            .collect();
        let changes: Value =
            Change::ALL.iter().map(|change| (change.name().to_owned(), json!(self.changes(*change)))).collect();
        json!({"comments": comments, "changes": changes})
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>9}   {:<24}   {:<24}", "", "", "live", "candidate")?;
        let verdicts = || VERDICTS.iter().map(|verdict| format!("{:>8}", verdict.word())).collect::<String>();
        writeln!(f, "{:<24} {:>9}  {}   {}", "", "comments", verdicts(), verdicts())?;
        for decided in Decided::ALL {
            let counts = |pick: fn((u64, u64)) -> u64| {
                (0..3).map(|verdict| format!("{:>8}", pick(self.of(decided, verdict)))).collect::<String>()
            };
            let (live, candidate) = (counts(|both| both.0), counts(|both| both.1));
            writeln!(f, "{:<24} {:>9}  {live}   {candidate}", decided.said(), self.all(decided))?;
        }
        let changes = Change::ALL.iter().map(|change| format!("{} {}", change.said(), self.changes(*change)));
        writeln!(f, "{}", changes.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_change_means_is_the_moderators_to_say() {
        use Verdict::{Approve, Hold, Spam};
        for (action, live, candidate, change) in [
            (Some(Action::Spam), Approve, Hold, Some(Change::NewCatch)),
            (Some(Action::Trash), Hold, Spam, Some(Change::NewCatch)),
            (Some(Action::Spam), Spam, Hold, Some(Change::Missed)),
            (Some(Action::Approve), Approve, Hold, Some(Change::FalseAlarm)),
            (Some(Action::Approve), Hold, Spam, Some(Change::FalseAlarm)),
            (Some(Action::Approve), Hold, Approve, Some(Change::Relieved)),
            (None, Approve, Spam, Some(Change::Stricter)),
            (None, Spam, Approve, Some(Change::Milder)),
            (Some(Action::Spam), Hold, Hold, None),
        ] {
            assert_eq!(
                Change::between(Decided::of(action), live, candidate),
                change,
                "{action:?} {live:?} {candidate:?}"
            );
        }
    }

    #[test]
    fn the_table_and_the_totals_say_the_same() {
        use Verdict::{Approve, Hold, Spam};
        let mut tally = Tally::default();
        for (decided, live, candidate) in [
            (Decided::Bad, Approve, Hold),
            (Decided::Bad, Hold, Hold),
            (Decided::Good, Approve, Approve),
            (Decided::Good, Hold, Approve),
            (Decided::Open, Approve, Spam),
        ] {
            tally.add(decided, live, candidate);
        }
        let json = tally.json();
        assert_eq!(json["comments"]["spam_or_trash"]["live"], json!({"approve": 1, "hold": 1, "spam": 0}));
        assert_eq!(json["comments"]["spam_or_trash"]["candidate"], json!({"approve": 0, "hold": 2, "spam": 0}));
        let changes = json!({"new_catch": 1, "missed_now": 0, "new_false_alarm": 0, "false_alarm_less": 1, "stricter": 1, "milder": 0});
        assert_eq!(json["changes"], changes);
        let table = tally.to_string();
        let row = table.lines().find(|line| line.starts_with("moderators: approved")).expect("a row");
        assert_eq!(row.split_whitespace().skip(2).collect::<Vec<_>>(), ["2", "1", "1", "0", "2", "0", "0"]);
        assert!(
            table.ends_with("new catch 1, missed now 0, new false alarm 0, false alarm less 1, stricter 1, milder 0\n")
        );
    }
}
