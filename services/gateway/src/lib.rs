//! HTTP: submit, read, moderate; the sample article and the mailbox of the dev mode.
