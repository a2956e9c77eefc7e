//! The W3C trace context that travels beside each record, so that one trace joins a comment's hops.

use std::{fmt, str::FromStr};

/// The header that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// A place in a trace, as the W3C Trace Context recommendation writes it. Neither id is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace: u128,
    /// The span within it.
    pub span: u64,
    /// The flags; bit 0 says that the trace is recorded.
    pub flags: u8,
}

/// What is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: it is written as 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, none of the ids zero")]
pub struct NoTraceparent;

impl TraceContext {
    /// The beginning of a new trace, to be recorded.
    pub fn begin() -> Self {
        Self { trace: rand::random::<u128>().max(1), span: span(), flags: 1 }
    }

    /// Another place in the same trace.
    #[must_use]
    pub fn next(self) -> Self {
        Self { span: span(), ..self }
    }
}

impl FromStr for TraceContext {
    type Err = NoTraceparent;

    /// Of versions later than 00, only the part that is known is read.
    fn from_str(text: &str) -> Result<Self, NoTraceparent> {
        let mut parts = text.split('-');
        let mut next = |length: usize| {
            let part = parts.next().ok_or(NoTraceparent)?;
            let digits = part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if part.len() == length && digits { Ok(part) } else { Err(NoTraceparent) }
        };
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let complete = version != "00" || parts.next().is_none();
        let trace = u128::from_str_radix(trace, 16).map_err(|_| NoTraceparent)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| NoTraceparent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NoTraceparent)?;
        let good = version != "ff" && complete && trace != 0 && span != 0;
        if good { Ok(Self { trace, span, flags }) } else { Err(NoTraceparent) }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// A new trace for an event that came without one: version 00, sampled.
pub fn new_traceparent() -> String {
    TraceContext::begin().to_string()
}

/// The same trace one hop on: the trace id and flags stay, the span id is new. `None` when `parent` is not a
/// `traceparent` by the W3C Trace Context recommendation.
pub fn next_hop(parent: &str) -> Option<String> {
    Some(parent.parse::<TraceContext>().ok()?.next().to_string())
}

fn span() -> u64 {
    rand::random::<u64>().max(1)
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
        assert_eq!(parent.parse::<TraceContext>().expect("a well-formed parent").to_string(), parent);
    }

    #[test]
    fn of_a_later_version_the_part_that_is_known_is_read() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(later.parse::<TraceContext>().map(|context| context.flags), Ok(1));
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
