use crate::{
    Policy, PolicyError,
    word_list::{WordList, lines},
};

/// A policy in force: checked, named by its version, its word lists ready to be searched for. Made once.
#[derive(Debug, Clone)]
pub struct Rules {
    policy: Policy,
    version: String,
    pub(crate) hold_words: WordList,
    pub(crate) reject_words: WordList,
    /// Every word that must stand alone, in one list, so that a text is searched once.
    pub(crate) vocabulary: WordList,
    /// What each word of the vocabulary means, in its order.
    pub(crate) meanings: Vec<Meaning>,
}

/// What a word of the vocabulary says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// A suspect word, with its points.
    Suspect(f64),
    /// The name of a messenger.
    Messenger,
    /// The beginning of a link that opens a chat.
    ChatLink,
}

impl Rules {
    /// Puts a policy in force, or says what is wrong with it.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        policy.check()?;
        let suspect = policy.suspect_words.iter().filter(|(_, weight)| **weight > 0.0);
        let vocabulary: Vec<(&str, Meaning)> = suspect
            .flat_map(|(word, weight)| lines(word).map(|word| (word, Meaning::Suspect(*weight))))
            .chain(policy.messengers.iter().flat_map(|word| lines(word)).map(|word| (word, Meaning::Messenger)))
            .chain(policy.chat_links.iter().flat_map(|link| lines(link)).map(|link| (link, Meaning::ChatLink)))
            .collect();
        Ok(Self {
            version: policy.version(),
            hold_words: WordList::new("hold_words", policy.hold_words.iter().flat_map(|entry| lines(entry)))?,
            reject_words: WordList::new("reject_words", policy.reject_words.iter().flat_map(|entry| lines(entry)))?,
            vocabulary: WordList::new("suspect_words", vocabulary.iter().map(|(word, _)| *word))?,
            meanings: vocabulary.iter().map(|(_, meaning)| *meaning).collect(),
            policy,
        })
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// See [`Policy::version`].
    pub fn version(&self) -> &str {
        &self.version
    }
}
