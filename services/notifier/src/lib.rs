//! Who must be told, by which mail, when: an outbox, then SMTP.
