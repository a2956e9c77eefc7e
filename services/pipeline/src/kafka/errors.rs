use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What librdkafka says about an error.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Which it is.
    pub code: Code,
    /// The client cannot go on.
    pub fatal: bool,
    /// The transaction must be aborted.
    pub abortable: bool,
    /// The call may be made again.
    pub retriable: bool,
}

/// What to do about an error in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Abort: nothing was committed.
    Abort,
    /// It is not known what was committed. Only a new producer of the same id settles that: it completes or aborts what
    /// the old one began. Repeating the call on the old one could hit a later transaction.
    Unknown,
    /// End the process.
    Fatal,
}

/// Reads the facts out of an error; one without a code counts as [`Code::Fail`].
pub fn facts(error: &KafkaError) -> Facts {
    let flags = match error {
        KafkaError::Transaction(inner) => (inner.is_fatal(), inner.txn_requires_abort(), inner.is_retriable()),
        KafkaError::MessageConsumptionFatal(_) => (true, false, false),
        _ => (false, false, false),
    };
    let (fatal, abortable, retriable) = flags;
    Facts { code: error.rdkafka_error_code().unwrap_or(Code::Fail), fatal, abortable, retriable }
}

/// Decides by librdkafka's rules (its INTRODUCTION.md, "Transactional Producer"): fatal, else abortable, else retriable,
/// and an error without a flag is fatal. What may be a lost answer is treated as [`Verdict::Unknown`], flag or not.
pub fn classify(facts: Facts) -> Verdict {
    let lost_answer = matches!(
        facts.code,
        Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::TimedOutQueue
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
    );
    if facts.fatal || matches!(facts.code, Code::Fatal | Code::Fenced | Code::ProducerFenced) {
        Verdict::Fatal
    } else if facts.abortable {
        Verdict::Abort
    } else if facts.retriable || lost_answer {
        Verdict::Unknown
    } else {
        Verdict::Fatal
    }
}

/// Whether the cluster refuses us for who we are: waiting does not help until someone grants it.
pub fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
    )
}

/// Whether a broker does not let us in, or is not the one that we trust. That passes when the other side of a rotated
/// password or certificate arrives, so it is waited for.
pub fn is_locked_out(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
    )
}

/// Whether an error says that a topic is not there.
pub fn is_missing_topic(code: Code) -> bool {
    matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
}

/// Says that topics are missing, and what to do.
pub fn missing(topics: &[String]) -> String {
    format!("no such topic in the cluster: {}; make them with `rejoinder topics create`", topics.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts_of(code: Code, flags: &str) -> Facts {
        let has = |flag| flags.contains(flag);
        Facts { code, fatal: has('f'), abortable: has('a'), retriable: has('r') }
    }

    #[test]
    fn every_class_of_error_has_one_answer() {
        for (code, flags, verdict) in [
            (Code::Fenced, "f", Verdict::Fatal),
            (Code::Fenced, "", Verdict::Fatal),
            (Code::InvalidTransactionalState, "f", Verdict::Fatal),
            (Code::IllegalGeneration, "a", Verdict::Abort),
            (Code::UnknownMemberId, "a", Verdict::Abort),
            (Code::MessageTimedOut, "a", Verdict::Abort),
            // An error may be both; then the call is not made again.
            (Code::OperationTimedOut, "ar", Verdict::Abort),
            (Code::OperationTimedOut, "r", Verdict::Unknown),
            (Code::OperationTimedOut, "", Verdict::Unknown),
            (Code::BrokerTransportFailure, "", Verdict::Unknown),
            (Code::ConcurrentTransactions, "r", Verdict::Unknown),
            (Code::State, "", Verdict::Fatal),
            (Code::TransactionalIdAuthorizationFailed, "", Verdict::Fatal),
        ] {
            assert_eq!(classify(facts_of(code, flags)), verdict, "{code:?} {flags:?}");
        }
    }

    #[test]
    fn facts_are_read_from_errors_of_every_kind() {
        let fatal = facts(&KafkaError::MessageConsumptionFatal(Code::FencedInstanceId));
        assert!(fatal.fatal && fatal.code == Code::FencedInstanceId);
        assert_eq!(facts(&KafkaError::Canceled).code, Code::Fail);
        assert_eq!(classify(facts(&KafkaError::Flush(Code::OperationTimedOut))), Verdict::Unknown);
    }
}
