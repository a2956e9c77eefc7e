//! Who may do what on Kafka: the least that each part of a deployment needs. `rejoinder topics create --acls` grants it, and
//! docs/security.md lists it.

use anyhow::{Result, bail};
use rejoinder_comment_store::CommentStore;
use rejoinder_notifier::Notifier;
use rejoinder_pipeline::{
    Stage,
    kafka::{Acl, Operation, READER_GROUP, Resource, TOOLS},
};
use rejoinder_proto::{Event, Topic};
use rejoinder_spam_filter::SpamFilter;
use rejoinder_validator::Validator;

/// Something that has a user of its own.
pub struct Role {
    /// Its name; its user's, where nobody says otherwise.
    pub name: &'static str,
    needs: Vec<Need>,
}

/// An operation, the kind of thing, its name without the installation's prefix, and whether that is only the beginning.
type Need = (Operation, Resource, String, bool);

impl Role {
    /// Every role.
    pub fn all() -> Vec<Role> {
        vec![
            stage::<Validator>(&[]),
            // For campaigns it also reads what all filters have screened.
            stage::<SpamFilter>(&[Topic::Screened]),
            stage::<CommentStore>(&[]),
            stage::<Notifier>(&[]),
            gateway(),
            site(),
            operator(),
        ]
    }

    /// What `principal` is to be granted in an installation of this prefix.
    pub fn acls(&self, principal: &str, prefix: &str) -> Vec<Acl> {
        let acl = |(operation, resource, name, prefixed): &Need| Acl {
            principal: principal.to_owned(),
            operation: *operation,
            resource: *resource,
            name: format!("{prefix}{name}"),
            prefixed: *prefixed,
        };
        self.needs.iter().map(acl).collect()
    }
}

/// What all are to be granted: `User:NAME`, where `principals` has no other for the role's name.
pub fn all(principals: &[(String, String)], prefix: &str) -> Result<Vec<Acl>> {
    let roles = Role::all();
    if let Some((name, _)) = principals.iter().find(|(name, _)| roles.iter().all(|role| role.name != name)) {
        let names: Vec<_> = roles.iter().map(|role| role.name).collect();
        bail!("--principal: there is no {name:?}; there are {}", names.join(", "));
    }
    let acls = roles.iter().flat_map(|role| {
        let named = principals.iter().find(|(name, _)| name == role.name);
        let principal = named.map_or_else(|| format!("User:{}", role.name), |(_, principal)| principal.clone());
        role.acls(&principal, prefix)
    });
    Ok(acls.collect())
}

/// A worker: it reads its topics in its group, others without one, and writes its outputs and dead letters in transactions.
fn stage<S: Stage>(follows: &[Topic]) -> Role {
    let group = format!("rejoinder-{}", S::NAME);
    let mut needs = topics(Operation::Read, S::In::TOPICS);
    needs.extend(topics(Operation::Read, follows));
    needs.extend(topics(Operation::Write, S::Out::TOPICS));
    needs.extend(topics(Operation::Write, &[Topic::DeadLetter]));
    needs.push((Operation::Read, Resource::Group, group.clone(), false));
    needs.push((Operation::Write, Resource::TransactionalId, format!("{group}-"), true));
    if !follows.is_empty() {
        needs.push(reader());
    }
    Role { name: S::NAME, needs }
}

/// The gateway: it writes what readers and moderators send. For blogs that ask about a comment it reads what all filters
/// have screened.
fn gateway() -> Role {
    let mut needs = topics(Operation::Read, &[Topic::Screened]);
    needs.extend(topics(Operation::Write, &[Topic::Submitted, Topic::Moderated]));
    needs.push(reader());
    Role { name: "gateway", needs }
}

/// What it takes to read topics in no group.
fn reader() -> Need {
    (Operation::Describe, Resource::Group, READER_GROUP.to_owned(), false)
}

/// A publisher of comments, who reads what became of them, in a group whose name begins with `site-`.
fn site() -> Role {
    let mut needs = topics(Operation::Write, &[Topic::Submitted]);
    needs.extend(topics(Operation::Read, &[Topic::Published, Topic::Rejected]));
    needs.push((Operation::Read, Resource::Group, "site-".to_owned(), true));
    Role { name: "site", needs }
}

/// Whoever runs `audit`, `dead-letters`, `replay`, `submit`, `spam` and `topics check`: letters go back to whichever topic
/// they came from.
fn operator() -> Role {
    let mut needs = topics(Operation::Read, &Topic::ALL);
    needs.extend(topics(Operation::Write, &Topic::ALL));
    needs.push((Operation::Describe, Resource::Group, "rejoinder-".to_owned(), true));
    needs.push((Operation::Write, Resource::TransactionalId, format!("{TOOLS}-"), true));
    Role { name: "operator", needs }
}

fn topics(operation: Operation, topics: &[Topic]) -> Vec<Need> {
    topics.iter().map(|topic| (operation, Resource::Topic, topic.to_string(), false)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The table of docs/security.md, a line for each role and operation.
    fn table() -> String {
        let mut lines = String::new();
        for role in Role::all() {
            for operation in [Operation::Read, Operation::Write, Operation::Describe] {
                let needs = role.needs.iter().filter(|need| need.0 == operation);
                let names = needs.map(|(_, resource, name, prefixed)| {
                    let rest = if *prefixed { "*" } else { "" };
                    match resource {
                        Resource::Topic => format!("`{name}`"),
                        other => format!("{other} `{name}{rest}`"),
                    }
                });
                let names = names.collect::<Vec<_>>().join(", ");
                if !names.is_empty() {
                    lines.push_str(&format!("| `{}` | {operation} | {names} |\n", role.name));
                }
            }
        }
        lines
    }

    #[test]
    fn the_documented_grants_are_the_codes() {
        let documented = include_str!("../../../docs/security.md");
        assert!(documented.contains(&table()), "docs/security.md must hold these lines:\n{}", table());
    }

    #[test]
    fn nobody_is_granted_the_same_twice_or_without_the_prefix() {
        let acls = all(&[], "blue.").expect("no names of ours");
        assert_eq!(acls.iter().collect::<BTreeSet<_>>().len(), acls.len());
        assert!(acls.iter().all(|acl| acl.name.starts_with("blue.")));
    }

    #[test]
    fn principals_are_taken_by_name() {
        let named = [("validator".to_owned(), "User:CN=validator".to_owned())];
        let acls = all(&named, "").expect("a role");
        assert!(acls.iter().any(|acl| acl.principal == "User:CN=validator"));
        assert!(!acls.iter().any(|acl| acl.principal == "User:validator"));
        let error = all(&[("validater".to_owned(), "User:x".to_owned())], "").expect_err("no such role").to_string();
        assert!(error.contains("validater") && error.contains("spam-filter"), "{error}");
    }
}
