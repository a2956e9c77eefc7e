use rejoinder_proto::{DecodeError, Event, Timestamp, Topic, headers::Headers, v1};

/// What the validator says of a comment.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// It is one.
    Validated(Box<v1::CommentValidated>),
    /// It is not, and why.
    Rejected(v1::CommentRejected),
}

impl Event for Output {
    const TOPICS: &'static [Topic] = &[Topic::Validated, Topic::Rejected];

    fn decode(topic: Topic, headers: &Headers, payload: Option<&[u8]>) -> Result<Self, DecodeError> {
        match topic {
            Topic::Rejected => <v1::CommentRejected as Event>::decode(topic, headers, payload).map(Output::Rejected),
            _ => <v1::CommentValidated as Event>::decode(topic, headers, payload).map(Box::new).map(Output::Validated),
        }
    }

    fn topic(&self) -> Topic {
        match self {
            Output::Validated(event) => event.topic(),
            Output::Rejected(event) => event.topic(),
        }
    }

    fn id(&self) -> &str {
        match self {
            Output::Validated(event) => Event::id(event.as_ref()),
            Output::Rejected(event) => Event::id(event),
        }
    }

    fn key(&self) -> String {
        match self {
            Output::Validated(event) => Event::key(event.as_ref()),
            Output::Rejected(event) => Event::key(event),
        }
    }

    fn time(&self) -> Option<&Timestamp> {
        match self {
            Output::Validated(event) => Event::time(event.as_ref()),
            Output::Rejected(event) => Event::time(event),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Output::Validated(event) => Event::facts(event.as_ref()),
            Output::Rejected(event) => Event::facts(event),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Output::Validated(event) => Event::encode(event.as_ref()),
            Output::Rejected(event) => Event::encode(event),
        }
    }
}
