use std::{collections::HashSet, fmt, str::FromStr};

use lettre::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom a site tells, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The site's name for people, in the mail's subject and text. Default: empty, which shows the site's key, because
    /// only the site knows its name.
    pub title: String,
    /// Who decides about held comments; each gets a mail of their own. Default: nobody, because there is no address that
    /// could be guessed; held comments then wait in the console.
    pub moderators: Vec<Moderator>,
    /// Mail the moderators about every held comment. Default: true, as in WordPress ("a comment is held for moderation").
    pub notify_held: bool,
    /// Show the author's email and IP address in the mail. Default: true, as in WordPress: moderators know their readers
    /// by them, and the console shows them too. Turn it off where mail leaves the house and the law says so.
    pub show_author_address: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { title: String::new(), moderators: Vec::new(), notify_held: true, show_author_address: true }
    }
}

impl Policy {
    /// Refuses moderators that could not be told apart.
    pub fn check(&self) -> Result<(), PolicyError> {
        let mut names = HashSet::new();
        for (number, moderator) in (1..).zip(&self.moderators) {
            if moderator.name.trim().is_empty() {
                return Err(PolicyError::Nameless(number));
            }
            if !names.insert(&moderator.name) {
                return Err(PolicyError::Twice(number));
            }
        }
        Ok(())
    }
}

/// A person who decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moderator {
    /// Unique within the site; it stands in links and in the record of who decided. A changed name is another person.
    pub name: String,
    /// Where their mail goes.
    pub email: Email,
}

/// A list of moderators that does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A moderator has no name. Here and below by their place in the list, from 1 on: an error may be logged.
    #[error("moderators: number {0} has no name; give every moderator a name")]
    Nameless(usize),
    /// Two have the same name.
    #[error("moderators: number {0} has the name of another; decisions are recorded by name, so make them differ")]
    Twice(usize),
}

/// A mail address that any server takes: `user@domain`, ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Email(Address);

/// What is not such an address. It is not shown: an error may be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// No `user@domain`.
    #[error("this is not a mail address; write it as user@example.org")]
    Syntax,
    /// It needs SMTPUTF8, which many servers lack.
    #[error("this address is not ASCII; write the domain in its xn-- form, and take an address with an ASCII user")]
    Unicode,
}

impl Email {
    /// The part after the `@`.
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    pub(crate) fn address(&self) -> &Address {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        if !text.is_ascii() {
            return Err(EmailError::Unicode);
        }
        text.parse().map(Self).map_err(|_| EmailError::Syntax)
    }
}

impl TryFrom<String> for Email {
    type Error = EmailError;

    fn try_from(text: String) -> Result<Self, EmailError> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.to_string()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(names: &[&str]) -> Policy {
        let email: Email = "desk@news.example".parse().expect("an address");
        let moderators = names.iter().map(|name| Moderator { name: (*name).into(), email: email.clone() }).collect();
        Policy { moderators, ..Policy::default() }
    }

    #[test]
    fn moderators_must_be_told_apart() {
        assert_eq!(policy(&["amin", "sara"]).check(), Ok(()));
        assert_eq!(policy(&["amin", "amin"]).check(), Err(PolicyError::Twice(2)));
        assert!(matches!(policy(&["amin", " "]).check(), Err(PolicyError::Nameless(2))));
    }

    #[test]
    fn an_address_is_parsed_where_it_is_read() {
        let read = |email: &str| toml::from_str::<Moderator>(&format!("name = 'a'\nemail = {email:?}"));
        for good in ["desk@news.example", "a.b+c@xn--mgba3a4f16a.example", "root@localhost", "x@[127.0.0.1]"] {
            assert_eq!(read(good).expect(good).email.to_string(), good);
        }
        for bad in ["", "desk", "@x", "a@b\r\nBcc: c@d.example", "a b@c.example", "دفتر@news.example"] {
            let error = read(bad).expect_err(bad).to_string();
            assert!(error.contains("write"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = toml::from_str::<Policy>("notify_hold = true").expect_err("a misspelt key").to_string();
        assert!(error.contains("notify_hold"), "{error}");
    }
}
