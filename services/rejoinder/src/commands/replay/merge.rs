use std::collections::VecDeque;

use anyhow::Result;
use rejoinder_pipeline::{Delivered, Reader};
use rejoinder_proto::millis;

/// Several topics of one partition as one, by the time of appending; each topic keeps its own order.
pub struct Merged(Vec<Source>);

struct Source {
    reader: Option<Box<dyn Reader>>,
    waiting: VecDeque<Delivered>,
}

impl Merged {
    /// Of nothing.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// With another topic. Of two records of one time, that of the topic that was added first comes first.
    pub fn add(&mut self, reader: Box<dyn Reader>) {
        self.0.push(Source { reader: Some(reader), waiting: VecDeque::new() });
    }

    /// The next record.
    pub fn next(&mut self) -> Result<Option<Delivered>> {
        for source in &mut self.0 {
            source.fill()?;
        }
        let time = |source: &Source| source.waiting.front().map(|next| millis(Some(&next.appended_at)));
        let next = self.0.iter_mut().filter(|source| !source.waiting.is_empty()).min_by_key(|source| time(source));
        Ok(next.and_then(|source| source.waiting.pop_front()))
    }
}

impl Source {
    fn fill(&mut self) -> Result<()> {
        while self.waiting.is_empty()
            && let Some(reader) = &mut self.reader
        {
            match reader.next()? {
                Some(chunk) => self.waiting.extend(chunk),
                None => self.reader = None,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rejoinder_pipeline::{LogError, Position, Record};
    use rejoinder_proto::{Topic, from_millis, headers::Headers};

    use super::*;

    /// Chunks with the times of their records.
    struct Fake(Topic, VecDeque<Vec<i64>>);

    impl Reader for Fake {
        fn next(&mut self) -> Result<Option<Vec<Delivered>>, LogError> {
            let topic = self.0;
            let delivered = |at| Delivered {
                position: Position { topic, partition: 0, offset: at },
                appended_at: from_millis(at),
                record: Record { topic, key: Vec::new(), headers: Headers::new(), payload: None },
            };
            Ok(self.1.pop_front().map(|times| times.into_iter().map(delivered).collect()))
        }
    }

    #[test]
    fn topics_are_merged_by_time_and_keep_their_order() {
        let mut merged = Merged::new();
        merged.add(Box::new(Fake(Topic::Screened, [vec![1, 4], vec![], vec![3, 9]].into())));
        merged.add(Box::new(Fake(Topic::Moderated, [vec![2, 4, 10]].into())));
        merged.add(Box::new(Fake(Topic::Rejected, VecDeque::new())));
        let mut order = Vec::new();
        while let Some(next) = merged.next().expect("readable") {
            order.push((next.position.topic, next.position.offset));
        }
        let (s, m) = (Topic::Screened, Topic::Moderated);
        assert_eq!(order, [(s, 1), (m, 2), (s, 4), (s, 3), (m, 4), (s, 9), (m, 10)]);
    }
}
