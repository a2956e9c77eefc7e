use rejoinder_proto::v1;

/// A field of a comment, by its name in the HTTP API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The site.
    Site,
    /// The page that the comment stands under.
    Thread,
    /// The comment that it answers.
    Parent,
    /// The author's name.
    Name,
    /// The author's email address.
    Email,
    /// The author's page.
    Url,
    /// The comment's text.
    Body,
    /// When it was submitted.
    SubmittedAt,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// It is missing or empty, or nothing visible is in it.
    Required,
    /// It has more bytes than the policy allows.
    TooLong,
    /// It is not written as such a thing is.
    Syntax,
    /// A URL's scheme is not allowed.
    Scheme,
    /// A URL holds a user name or a password.
    Credentials,
    /// No such site.
    Unknown,
    /// No such comment on the thread.
    UnknownParent,
    /// The thread takes no more comments.
    Closed,
    /// The same was said before.
    Duplicate,
    /// Too soon after the last one.
    Flood,
    /// From the future.
    Future,
}

/// What is wrong with one field, and what is allowed. The message never quotes a reader's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where.
    pub field: Field,
    /// What, for programs.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
}

impl Field {
    /// The name in the HTTP API and in [`v1::FieldError`].
    pub const fn name(self) -> &'static str {
        match self {
            Field::Site => "site",
            Field::Thread => "thread",
            Field::Parent => "parent",
            Field::Name => "name",
            Field::Email => "email",
            Field::Url => "url",
            Field::Body => "body",
            Field::SubmittedAt => "submitted_at",
        }
    }
}

impl Code {
    /// The stable word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Code::Required => "required",
            Code::TooLong => "too_long",
            Code::Syntax => "syntax",
            Code::Scheme => "scheme",
            Code::Credentials => "credentials",
            Code::Unknown => "unknown",
            Code::UnknownParent => "unknown_parent",
            Code::Closed => "closed",
            Code::Duplicate => "duplicate",
            Code::Flood => "flood",
            Code::Future => "future",
        }
    }
}

impl FieldError {
    /// An error of one field.
    pub fn new(field: Field, code: Code, message: impl Into<String>) -> Self {
        Self { field, code, message: message.into() }
    }

    pub(crate) fn too_long(field: Field, limit: usize) -> Self {
        Self::new(field, Code::TooLong, format!("is too long; at most {limit} bytes are allowed"))
    }
}

impl From<FieldError> for v1::FieldError {
    fn from(error: FieldError) -> Self {
        Self { field: error.field.name().to_owned(), code: error.code.word().to_owned(), message: error.message }
    }
}
