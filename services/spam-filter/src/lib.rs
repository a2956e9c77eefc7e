//! Approve, hold or spam, with every signal that spoke.
