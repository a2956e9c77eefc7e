//! The W3C trace context that travels beside each record, so that one trace joins a comment's hops.

/// The header that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// A new trace for an event that came without one: version 00, sampled.
pub fn new_traceparent() -> String {
    let trace = rand::random::<u128>().max(1);
    format!("00-{trace:032x}-{}-01", span_id())
}

/// The same trace one hop on: the trace id and flags stay, the span id is new. `None` when `parent` is not a
/// `traceparent` by the W3C Trace Context recommendation.
pub fn next_hop(parent: &str) -> Option<String> {
    let mut parts = parent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let nonzero = |part: &str| part.bytes().any(|b| b != b'0');
    let well_formed = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let complete = version != "00" || parts.next().is_none();
    (well_formed && complete && nonzero(trace) && nonzero(span)).then(|| format!("00-{trace}-{}-{flags}", span_id()))
}

fn span_id() -> String {
    format!("{:016x}", rand::random::<u64>().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_keeps_the_trace_and_changes_the_span() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let next = next_hop(parent).expect("a well-formed parent");
        assert!(next.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && next.ends_with("-00"), "{next}");
        assert_ne!(next, parent);
        assert!(next_hop(&new_traceparent()).is_some());
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for bad in [
            "",
            "00",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-x",
        ] {
            assert_eq!(next_hop(bad), None, "{bad}");
        }
    }
}
