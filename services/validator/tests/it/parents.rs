//! What the stage says of replies.

use rejoinder_proto::v1;
use rejoinder_validator::Policy;
use uuid::{Builder, Uuid};

use crate::support::{NOW, at, beside, elsewhere, process, reply, submitted, validator, verdicts};

#[tokio::test]
async fn a_reply_needs_its_parent_on_the_same_thread() {
    let (mut stage, history) = validator(Policy::default());
    let first = process(&mut stage, &[at(0, submitted(1)), at(1, reply(2, 1)), at(2, elsewhere(reply(3, 1)))]).await;
    assert_eq!(verdicts(&first), ["ok", "ok", "parent unknown_parent"]);
    let next =
        process(&mut stage, &[at(3, reply(4, 1)), at(4, reply(5, 3)), at(5, reply(6, 6)), at(6, reply(7, 99))]).await;
    let unknown = "parent unknown_parent";
    assert_eq!(verdicts(&next), ["ok", unknown, unknown, unknown], "in flight, rejected itself, itself, never seen");
    history.save(&first);
    let mut restarted = beside(&history, Policy::default());
    let batch = [at(7, reply(8, 1)), at(8, elsewhere(reply(9, 1)))];
    assert_eq!(verdicts(&process(&mut restarted, &batch).await), ["ok", unknown]);
    history.trash_all();
    assert_eq!(verdicts(&process(&mut stage, &[at(9, reply(10, 1))]).await), [unknown], "a moderator took it away");
}

/// An id that a publisher made so many milliseconds before the tests take place.
fn made_before(millis: i64, n: u64) -> Uuid {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    Builder::from_unix_timestamp_millis((NOW - millis).unsigned_abs(), &random).into_uuid()
}

fn reply_to(n: u64, parent: Uuid) -> v1::CommentSubmitted {
    v1::CommentSubmitted { parent_id: parent.to_string(), ..submitted(n) }
}

#[tokio::test]
async fn a_parent_of_which_nothing_is_known_is_on_its_way_unless_it_is_too_old() {
    const DAY: i64 = 86_400_000;
    let unknown = "parent unknown_parent";
    let parents = [
        (made_before(0, 1), "ok"),
        (made_before(DAY, 2), "ok"),
        (made_before(DAY + 1, 3), unknown),
        (made_before(-DAY * 400, 4), "ok"),
        // No time that says anything: version 4, and what the gateway makes of an Idempotency-Key.
        (Uuid::from_u128(0x0000_0000_0001_4000_8000_0000_0000_0001), "ok"),
        (Uuid::from_u128(0x0000_0000_0000_7d43_bcdf_a02d_b03e_b6c3), "ok"),
    ];
    let batch: Vec<_> =
        (0..).zip(&parents).map(|(offset, (parent, _))| at(offset, reply_to(offset as u64, *parent))).collect();
    let (mut stage, _) = validator(Policy::default());
    assert_eq!(verdicts(&process(&mut stage, &batch).await), parents.map(|(_, verdict)| verdict));
    let (mut stage, _) = validator(Policy { parent_seconds: 0, ..Policy::default() });
    assert_eq!(verdicts(&process(&mut stage, &batch).await), ["ok"; 6], "0 is without limit");
}

#[tokio::test]
async fn what_is_known_against_a_parent_counts_however_young_it_is() {
    let (mut stage, history) = validator(Policy::default());
    let young = |n, event: v1::CommentSubmitted| v1::CommentSubmitted { id: made_before(0, n).to_string(), ..event };
    let rejected = young(1, v1::CommentSubmitted { body: String::new(), ..submitted(1) });
    let on_other_site = young(2, v1::CommentSubmitted { site: "other".into(), ..submitted(2) });
    let first = process(&mut stage, &[at(0, rejected), at(1, on_other_site), at(2, young(3, submitted(3)))]).await;
    assert_eq!(verdicts(&first), ["body required", "ok", "ok"]);
    let own = young(4, reply_to(4, made_before(0, 4)));
    let replies = [
        at(3, reply_to(11, made_before(0, 1))),
        at(4, reply_to(12, made_before(0, 2))),
        at(5, elsewhere(reply_to(13, made_before(0, 3)))),
        at(6, own),
        at(7, reply_to(14, made_before(0, 3))),
    ];
    let unknown = "parent unknown_parent";
    let expected = [unknown, unknown, unknown, unknown, "ok"];
    assert_eq!(verdicts(&process(&mut stage, &replies).await), expected, "by what is remembered");
    history.save(&first);
    let mut restarted = beside(&history, Policy::default());
    assert_eq!(verdicts(&process(&mut restarted, &replies).await), expected, "by what is stored");
    history.trash_all();
    assert_eq!(verdicts(&process(&mut beside(&history, Policy::default()), &replies).await), [unknown; 5]);
}
