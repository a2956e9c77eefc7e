//! A wave of variants, honest comments among it, and a filter that sees them.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use rejoinder_pipeline::{Outcome, Position, Received, Stage, Transient};
use rejoinder_proto::{
    Topic, from_millis,
    v1::{Comment, CommentScreened, CommentValidated},
};
use rejoinder_spam_filter::{
    History, Policy, Screening, SpamFilter,
    campaign::{Campaigns, Sample},
};
use uuid::Uuid;

use crate::support::{SITE, author, text};

struct Nobody;

#[async_trait]
impl History for Nobody {
    async fn previously_approved(&self, authors: &[(String, String, String)]) -> Result<Vec<bool>, Transient> {
        Ok(vec![false; authors.len()])
    }
}

pub fn id(n: u64) -> Uuid {
    Uuid::from_u128(0x0190_163d_8694_739b_aea5_0000_0000_0000 + u128::from(n))
}

pub fn comment(n: u64, words: &str) -> Comment {
    let mut comment = text(words);
    comment.id = id(n).to_string();
    comment.submitted_at = Some(from_millis(1_700_000_000_000 + n as i64 * 1000));
    comment.thread.get_or_insert_default().id = format!("page-{}", n % 300);
    comment.author = Some(author(&format!("Reader {n}"), &format!("r{n}@example.org")));
    comment.client.get_or_insert_default().ip = format!("198.51.{}.{}", n / 250 % 250, n % 250);
    comment
}

/// One of many ways in which a spinner says the same.
pub fn spun(n: u64) -> Comment {
    let pick = |salt: u64, of: &[&'static str]| {
        let mixed = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xBF58_476D_1CE4_E5B9)).rotate_left(29);
        of[(mixed.wrapping_mul(0x94D0_49BB_1331_11EB) >> 40) as usize % of.len()]
    };
    let words = format!(
        "{} I was in debt until {} {} showed me how to trade. I {} {}{} in {} weeks, and my {} did the same {} Write to \
         {} on the messenger and {} with a small deposit {}",
        pick(1, &["Honestly,", "Believe me,", "True story:", "Well,", "🔥"]),
        pick(2, &["Mrs", "Madam", "Coach", "Miss"]),
        pick(3, &["Dana", "Olena", "Petra", "Maribel", "Yuki", "Femi"]),
        pick(4, &["made", "earned", "got", "mаde", "e\u{200b}arned"]),
        pick(5, &["$", "€", "£", ""]),
        n * 37 % 90_000 + 1_000,
        n % 9 + 2,
        pick(6, &["sister", "neighbour", "boss", "brother"]),
        pick(7, &["💰", "🙏🙏", "!!!", "."]),
        pick(8, &["her", "them", "the team"]),
        pick(9, &["start", "begin", "ѕtart"]),
        pick(10, &["today", "now", "💵", "t o d a y"]),
    );
    comment(n, &words)
}

pub const HONEST: [&str; 8] = [
    "Thank you!",
    "first",
    "🔥🔥🔥",
    "I was in debt myself, and what helped was a plan and a friend who kept me to it. No trade ever did.",
    "The harbour was rebuilt in the sixties, as far as I remember from my father's stories.",
    "Who took the photograph at the top? It would look good on a poster.",
    "Could you write about the night trains next? The last ones leave from our town this winter.",
    "Not my view, but well argued, and the numbers in the second table surprised me.",
];

fn received(n: u64, comment: Comment) -> Received<CommentValidated> {
    let position = Position { topic: Topic::Validated, partition: (n % 4) as i32, offset: n as i64 };
    Received { event: CommentValidated { comment: Some(comment) }, position, trace: None }
}

pub struct Site {
    pub filter: SpamFilter,
    pub campaigns: Arc<Campaigns>,
}

impl Site {
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, |campaigns| campaigns)
    }

    pub fn with(policy: Policy, change: impl FnOnce(Campaigns) -> Campaigns) -> Self {
        let policies = HashMap::from([(SITE.to_owned(), policy)]);
        let campaigns = Arc::new(change(Campaigns::new(&policies)));
        let screening = Arc::new(Screening::new(&policies).expect("a good policy"));
        let filter = SpamFilter::new(screening, Arc::new(Nobody), Arc::clone(&campaigns));
        Self { filter, campaigns }
    }

    pub async fn screen(&mut self, comments: impl IntoIterator<Item = Comment>) -> Vec<CommentScreened> {
        let batch: Vec<_> = comments.into_iter().zip(0..).map(|(comment, n)| received(n, comment)).collect();
        let outcomes = self.filter.process(&batch).await.expect("nobody is asked");
        let only = |outcome| match outcome {
            Outcome::Emit(mut events) => events.pop().expect("one event"),
            Outcome::Reject(reason) => panic!("{reason:?}"),
        };
        outcomes.into_iter().map(only).collect()
    }

    pub fn decide(&self, comment: &Comment, at: i64, spam: bool) {
        let sample = Sample::of(comment).expect("it has an id");
        self.campaigns.lock().decide(&sample, at, Some(spam));
    }
}

pub fn spoke(screened: &CommentScreened, name: &str) -> Option<f64> {
    screened.signals.iter().find(|signal| signal.name == name).map(|signal| signal.weight)
}
