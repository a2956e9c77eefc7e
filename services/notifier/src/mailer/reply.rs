//! What a server's answer means for a mail: one pure decision.

/// How far the conversation about a mail had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Connecting, greeting, TLS: about no mail in particular.
    Session,
    /// The user name and the password.
    Login,
    /// `MAIL FROM`: about the sender, and so about our configuration.
    Sender,
    /// `RCPT TO`: about the recipient.
    Recipient,
    /// `DATA`, before its content: the mail cannot have been taken.
    Data,
    /// The content, until the answer to it: the mail may have been taken.
    Content,
}

/// Why a mail was not handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server answered with an error.
    #[error("the server answered {code} in the {step:?} step")]
    Reply {
        /// RFC 5321's three digits.
        code: u16,
        /// What it answered to.
        step: Step,
    },
    /// The connection could not be made, broke, or stayed silent for too long.
    #[error("the connection failed in the {step:?} step: {detail}")]
    Connection {
        /// How far it had come.
        step: Step,
        /// What the system or the TLS library said; never what the server said about a mail.
        detail: String,
    },
    /// The folder cannot be written.
    #[error("the mail folder cannot be written: {0}")]
    Folder(String),
}

/// What to do with the mail and the back-end after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAction {
    /// The back-end is out: send nothing for a while; this attempt does not count.
    Wait,
    /// Open another connection, and try once more at once.
    Reopen,
    /// Try this mail again by the schedule.
    Retry,
    /// Give this mail up.
    GiveUp,
}

/// Decides what follows from a failure; `reopened` when it happened on a connection that was opened because of a 421.
///
/// By RFC 5321, 4yz asks to come again, 5yz is for good, and 421 closes the connection. A 5yz is only believed about the
/// recipient or the mail itself: about the session or the sender it is our configuration, which an operator can mend.
pub fn classify(failure: &Failure, reopened: bool) -> NextAction {
    match failure {
        Failure::Folder(_) => NextAction::Wait,
        Failure::Reply { code: 421, .. } if !reopened => NextAction::Reopen,
        Failure::Reply { step: Step::Session | Step::Login, .. } => NextAction::Wait,
        Failure::Reply { code: 500..=599, step: Step::Recipient | Step::Data | Step::Content } => NextAction::GiveUp,
        Failure::Reply { .. } => NextAction::Retry,
        // It may be this mail that makes the server fall over, and it may have been taken: count the attempt.
        Failure::Connection { step: Step::Content, .. } => NextAction::Retry,
        Failure::Connection { .. } => NextAction::Wait,
    }
}

impl Failure {
    /// A stable word or the reply code, for the outbox and for metrics.
    pub fn code(&self) -> String {
        match self {
            Failure::Reply { code, .. } => code.to_string(),
            Failure::Connection { step: Step::Content, .. } => "connection_lost".into(),
            Failure::Connection { .. } => "no_connection".into(),
            Failure::Folder(_) => "folder".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::greylisted(450, Step::Recipient, NextAction::Retry)]
    #[case::mailbox_full(452, Step::Content, NextAction::Retry)]
    #[case::no_such_user(550, Step::Recipient, NextAction::GiveUp)]
    #[case::content_refused(554, Step::Content, NextAction::GiveUp)]
    #[case::no_valid_recipients(554, Step::Data, NextAction::GiveUp)]
    #[case::sender_refused(553, Step::Sender, NextAction::Retry)]
    #[case::sender_later(451, Step::Sender, NextAction::Retry)]
    #[case::no_service(554, Step::Session, NextAction::Wait)]
    #[case::bad_password(535, Step::Session, NextAction::Wait)]
    #[case::login_later(454, Step::Session, NextAction::Wait)]
    #[case::nonsense(299, Step::Recipient, NextAction::Retry)]
    fn replies(#[case] code: u16, #[case] step: Step, #[case] action: NextAction) {
        assert_eq!(classify(&Failure::Reply { code, step }, false), action);
    }

    #[rstest]
    #[case(Step::Session, false, NextAction::Reopen)]
    #[case(Step::Recipient, false, NextAction::Reopen)]
    #[case(Step::Session, true, NextAction::Wait)]
    #[case(Step::Recipient, true, NextAction::Retry)]
    fn closing(#[case] step: Step, #[case] reopened: bool, #[case] action: NextAction) {
        assert_eq!(classify(&Failure::Reply { code: 421, step }, reopened), action);
    }

    #[rstest]
    #[case(Step::Session, NextAction::Wait)]
    #[case(Step::Sender, NextAction::Wait)]
    #[case(Step::Recipient, NextAction::Wait)]
    #[case(Step::Data, NextAction::Wait)]
    #[case(Step::Content, NextAction::Retry)]
    fn lost_connections(#[case] step: Step, #[case] action: NextAction) {
        assert_eq!(classify(&Failure::Connection { step, detail: String::new() }, false), action);
    }
}
