//! Grants on Apache Kafka (access control lists).
//!
//! rdkafka's admin client makes topics but no ACLs, so this calls librdkafka's CreateAcls itself. Everything unsafe is in
//! `native`, which hands out values that free themselves.

mod native;

use std::{fmt, time::Duration};

use rdkafka::client::{Client, ClientContext};

/// What is allowed: `principal` may do `operation` to the resource of that name, from any host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// As Kafka names users, such as `User:validator`.
    pub principal: String,
    /// What may be done.
    pub operation: Operation,
    /// The kind of thing.
    pub resource: Resource,
    /// Its name, or how its name begins.
    pub name: String,
    /// Whether `name` is only the beginning.
    pub prefixed: bool,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// To read it, which includes to see that it is there.
    Read,
    /// To write to it, which includes to see that it is there.
    Write,
    /// To see that it is there.
    Describe,
}

/// The kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic.
    Topic,
    /// A consumer group.
    Group,
    /// A producer's transactional id.
    TransactionalId,
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.prefixed { "*" } else { "" };
        write!(f, "{}: {} {} {}{rest}", self.principal, self.operation, self.resource, self.name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Describe => "describe",
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::Topic => "topic",
            Resource::Group => "group",
            Resource::TransactionalId => "transactional id",
        })
    }
}

/// The cluster did not grant it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// Not something to ask for.
    #[error("{acl}: {reason}")]
    Unfit {
        /// What was to be granted.
        acl: String,
        /// Why it cannot be.
        reason: String,
    },
    /// The brokers said no, or nothing.
    #[error("{0}")]
    Refused(String),
}

/// Grants all of them; one that is granted already stays so. Blocks for at most about `time`. The client must be allowed to
/// alter the cluster, or be a super user.
pub fn create<C: ClientContext>(client: &Client<C>, acls: &[Acl], time: Duration) -> Result<(), AclError> {
    let wanted = acls.iter().map(native::Binding::new).collect::<Result<Vec<_>, _>>()?;
    native::create(client, &wanted, time)
}
