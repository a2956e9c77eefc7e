//! The sender's decisions, as functions of what is known.

use chrono::{DateTime, Duration, Utc};
use rejoinder_proto::{Event, Topic, headers::Headers, v1::CommentScreened};

use crate::{
    Claimed, Fate, Settings, Standing,
    mailer::{Failure, NextAction, classify},
};

/// What becomes of a claimed row before its mail is written; `None` when it is to be sent.
pub(super) fn before_sending(
    claimed: &Claimed,
    standing: Standing,
    now: DateTime<Utc>,
    settings: &Settings,
) -> Option<Fate> {
    match standing {
        // Earlier attempts that left no trace ended with their process, perhaps because of this very mail.
        Standing::Pending if claimed.attempt as usize > settings.retry_seconds.len() + 1 => {
            Some(Fate::Failed { error: "gave_up".into() })
        }
        Standing::Pending => None,
        Standing::Decided => Some(Fate::Skipped { reason: "decided" }),
        Standing::Rejected => Some(Fate::Skipped { reason: "rejected" }),
        Standing::Screened { revision } if revision >= self::revision(claimed) => {
            Some(Fate::Skipped { reason: "screened" })
        }
        // The store is behind the screening that the mail is about.
        Standing::Screened { .. } | Standing::Unknown
            if now - claimed.mail.created_at >= time(settings.unstored_give_up_seconds) =>
        {
            Some(Fate::Failed { error: "never_stored".into() })
        }
        Standing::Screened { .. } | Standing::Unknown => {
            Some(Fate::Put { at: now + time(settings.unstored_wait_seconds), reason: "not_stored" })
        }
    }
}

/// Which screening a row's mail is about; 0 where its event cannot be read, which is found out when the mail is written.
fn revision(claimed: &Claimed) -> i32 {
    let event = <CommentScreened as Event>::decode(Topic::Screened, &Headers::new(), Some(&claimed.mail.event));
    event.map_or(0, |event| event.revision)
}

/// What becomes of a row whose mail was not taken, and whether the back-end is out. `spread` is a random number from -1
/// to 1.
pub(super) fn after_failure(
    failure: &Failure,
    attempt: u32,
    now: DateTime<Utc>,
    settings: &Settings,
    spread: f64,
) -> (Fate, bool) {
    let delay = settings.retry_seconds.get(attempt.saturating_sub(1) as usize);
    match (classify(failure, true), delay) {
        (NextAction::Wait, _) => (Fate::Put { at: now, reason: "no_mailer" }, true),
        (NextAction::GiveUp, _) | (NextAction::Retry | NextAction::Reopen, None) => {
            (Fate::Failed { error: failure.code() }, false)
        }
        (NextAction::Retry | NextAction::Reopen, Some(delay)) => {
            let delay = time(delay * (1.0 + spread * settings.retry_jitter));
            (Fate::Retry { at: now + delay, error: failure.code() }, false)
        }
    }
}

pub(super) fn time(seconds: f64) -> Duration {
    Duration::microseconds((seconds * 1e6) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use uuid::Uuid;

    use super::*;
    use crate::{Claim, NewMail, mailer::Step};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000, 0).expect("a time in range")
    }

    fn claimed(attempt: u32, age: i64) -> Claimed {
        let created_at = now() - Duration::seconds(age);
        let id = Uuid::nil();
        let mail = NewMail {
            id,
            comment: id,
            site: "news".into(),
            moderator: "a".into(),
            event: vec![],
            created_at,
            trace: None,
        };
        Claimed { claim: Claim { id, until: now() }, attempt, mail }
    }

    #[test]
    fn only_a_pending_comment_is_mailed() {
        let settings = Settings::default();
        let decide = |standing, age| before_sending(&claimed(1, age), standing, now(), &settings);
        assert_eq!(decide(Standing::Pending, 0), None);
        assert_eq!(decide(Standing::Pending, 1_000_000), None);
        assert_eq!(decide(Standing::Decided, 0), Some(Fate::Skipped { reason: "decided" }));
        assert_eq!(decide(Standing::Rejected, 0), Some(Fate::Skipped { reason: "rejected" }));
        let again = Fate::Put { at: now() + Duration::seconds(1), reason: "not_stored" };
        assert_eq!(decide(Standing::Unknown, 3_599), Some(again));
        assert_eq!(decide(Standing::Unknown, 3_600), Some(Fate::Failed { error: "never_stored".into() }));
    }

    #[test]
    fn a_screening_skips_only_the_mails_of_earlier_ones() {
        let settings = Settings::default();
        let mut event = crate::samples::screened();
        event.revision = 2;
        let mut row = claimed(1, 0);
        row.mail.event = event.encode();
        let decide = |revision| before_sending(&row, Standing::Screened { revision }, now(), &settings);
        let behind = Fate::Put { at: now() + Duration::seconds(1), reason: "not_stored" };
        assert_eq!(decide(1), Some(behind), "the store has yet to hear that it is held");
        for revision in [2, 3] {
            assert_eq!(decide(revision), Some(Fate::Skipped { reason: "screened" }));
        }
    }

    #[test]
    fn the_schedule_is_walked_to_its_end() {
        let settings = Settings { retry_seconds: vec![5.0, 60.0], ..Settings::default() };
        let failure = Failure::Reply { code: 450, step: Step::Recipient };
        let after = |attempt, spread| after_failure(&failure, attempt, now(), &settings, spread);
        let retry = |millis| (Fate::Retry { at: now() + Duration::milliseconds(millis), error: "450".into() }, false);
        assert_eq!(after(1, 0.0), retry(5_000));
        assert_eq!(after(1, 1.0), retry(6_000));
        assert_eq!(after(2, -1.0), retry(48_000));
        assert_eq!(after(3, 0.0), (Fate::Failed { error: "450".into() }, false));
        let lost = before_sending(&claimed(4, 0), Standing::Pending, now(), &settings);
        assert_eq!(lost, Some(Fate::Failed { error: "gave_up".into() }), "a mail that kills its sender ends too");
    }

    proptest! {
        /// A mail that no server ever takes is tried again by the schedule, each time within the jitter, and then given up: no
        /// schedule goes on for ever, and none ends early.
        #[test]
        fn every_schedule_is_kept_and_ends(
            retry_seconds in vec(0.0..100_000.0f64, 0..10), retry_jitter in 0.0..=1.0f64, spreads in vec(-1.0..=1.0f64, 10),
        ) {
            let settings = Settings { retry_seconds: retry_seconds.clone(), retry_jitter, ..Settings::default() };
            let failure = Failure::Reply { code: 451, step: Step::Content };
            let mut clock = now();
            for (attempt, (delay, spread)) in (1..).zip(retry_seconds.iter().zip(&spreads)) {
                let (fate, out) = after_failure(&failure, attempt, clock, &settings, *spread);
                let Fate::Retry { at, .. } = fate else { return Err(TestCaseError::fail(format!("{fate:?}"))) };
                prop_assert!(!out && at >= clock, "never back in time");
                let least = time(delay * (1.0 - retry_jitter)) - Duration::microseconds(1);
                let most = time(delay * (1.0 + retry_jitter)) + Duration::microseconds(1);
                prop_assert!(least <= at - clock && at - clock <= most, "{} after {delay} s", at - clock);
                prop_assert_eq!(before_sending(&claimed(attempt + 1, 0), Standing::Pending, clock, &settings), None);
                clock = at;
            }
            let end = (Fate::Failed { error: "451".into() }, false);
            let attempts = retry_seconds.len() as u32 + 1;
            for spread in spreads {
                prop_assert_eq!(after_failure(&failure, attempts, clock, &settings, spread), end.clone());
            }
            let lost = before_sending(&claimed(attempts + 1, 0), Standing::Pending, clock, &settings);
            prop_assert_eq!(lost, Some(Fate::Failed { error: "gave_up".into() }));
        }
    }

    #[test]
    fn the_default_pauses_grow_beyond_their_jitter() {
        let Settings { retry_seconds, retry_jitter, .. } = Settings::default();
        let (least, most) = (|pause: f64| pause * (1.0 - retry_jitter), |pause: f64| pause * (1.0 + retry_jitter));
        assert!(retry_seconds.windows(2).all(|two| most(two[0]) < least(two[1])), "{retry_seconds:?}");
    }

    #[test]
    fn a_server_that_is_away_costs_no_attempt() {
        let failure = Failure::Connection { step: Step::Session, detail: String::new() };
        let after = after_failure(&failure, 9, now(), &Settings::default(), 0.0);
        assert_eq!(after, (Fate::Put { at: now(), reason: "no_mailer" }, true));
    }
}
