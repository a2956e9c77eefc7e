use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod words;

/// Which comments wait for a person although no rule speaks against them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Publish unless a signal says otherwise.
    Post,
    /// Hold everything. WordPress: `comment_moderation`=1.
    Pre,
    /// Hold until the exact name and address have an approved comment on the site. WordPress:
    /// `comment_previously_approved`=1.
    FirstTime,
}

/// What a site asks of the spam filter.
///
/// Weights are points. One signal's weight says how much it speaks for spam; a weight of 0 turns the signal off.
///
/// The defaults are judgement; that of `styled_letters_weight` follows from labelled YouTube comments (the set
/// judol_yt, MIT licence), where 63 % of the spam and 0.2 % of the rest are written so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// `post`, `pre` or `first_time`. Default `first_time`, as in WordPress: a stranger's first comment is read by a
    /// person, and regulars are not kept waiting.
    pub mode: Mode,
    /// A score of this many points or more holds the comment. Default 5: no weak hint reaches it, two or three do.
    pub hold_at: f64,
    /// A score of this many points or more is spam, which nobody is mailed about. Default 10: it takes several strong
    /// hints that have nothing to do with each other, since a real comment lost here is found by nobody.
    pub spam_at: f64,

    /// Hold when the rendered text has this many different links or more; 0 never. Default 2, as WordPress's
    /// `comment_max_links`. One link named twice counts once, since it advertises no more than once.
    pub hold_at_links: u32,
    /// Points for each different link. Default 1.5: one link is normal in a good answer, seven are hardly ever.
    pub link_weight: f64,
    /// At most this many points for links. Default 8, below `spam_at`: a list of sources is for a person to judge.
    pub link_weight_max: f64,

    /// Hold when one of these stands in the name, address, web address, text, IP or user agent, in upper or lower case,
    /// also inside of a longer word. One a line. Default none, as WordPress's `moderation_keys`.
    pub hold_words: Vec<String>,
    /// Spam when one of these stands in one of those, whoever wrote it. Default none, as WordPress's `disallowed_keys`.
    pub reject_words: Vec<String>,
    /// Words and phrases of the text, each with its points. They must stand alone: `cialis` is not found in
    /// `specialist`. Default a short list of what comment spam sells, each too weak to hold a comment by itself.
    pub suspect_words: BTreeMap<String, f64>,
    /// At most this many points for suspect words. Default 8, below `spam_at`: a discussion about spam uses them all.
    pub suspect_words_max: f64,

    /// Points when the field that people cannot see was filled in; it is then spam whatever the score. Default 10,
    /// as much as `spam_at`: only a program fills it in.
    pub honeypot_weight: f64,
    /// A form sent sooner than this many seconds after it was shown is suspect. Default 3: nobody reads a form, writes
    /// a sentence and sends it in less.
    pub min_form_seconds: f64,
    /// Points for a form sent too soon. Default 3, below `hold_at`: browsers do restore half-written forms, and some
    /// people fill them in by a program. It takes one more hint to hold.
    pub fast_form_weight: f64,

    /// The share of capitals among the letters, 0 to 1, from which a text shouts. Default 0.7: headlines and
    /// abbreviations stay below it.
    pub shouting_share: f64,
    /// A text with fewer letters than this never shouts. Default 20: "LOL" and "OK, THANKS" are no offence.
    pub shouting_min_letters: u32,
    /// Points for shouting. Default 1.5: rude more often than spam.
    pub shouting_weight: f64,

    /// A letter, digit or `!?$` this many times in a row is suspect. Default 12: "soooooo" and "!!!!!" are shorter.
    pub run_length: u32,
    /// Points for such a run. Default 1: mostly high spirits.
    pub run_weight: f64,

    /// A text counts as a repetition only from this many letters and digits on. Default 30: "thanks, that helped me"
    /// is written by many.
    pub repeat_min_chars: u32,
    /// Points for each earlier copy on the site within `campaign_window_seconds`, until so many have come that they are a
    /// campaign. Default 5, as much as `hold_at`: the second copy is held already.
    pub repeat_weight: f64,
    /// At most this many points for repetition. Default 8, below `spam_at`: slogans and prayers are repeated too.
    pub repeat_weight_max: f64,

    /// Comments that say nearly the same are a campaign from this many on, if they come from more than one author or
    /// address. Default 5: four friends do write alike.
    pub campaign_min_size: u32,
    /// Seconds within which comments are compared. Default 86400, one day: campaigns are faster. The longest of all sites
    /// is in force for all of them, since campaigns go over several.
    pub campaign_window_seconds: u32,
    /// Points for a member of a campaign of the smallest size; one of ten times the size has twice as many. Default 5, as
    /// much as `hold_at`: a person looks at it.
    pub campaign_weight: f64,
    /// At most this many points for being part of a campaign. Default 8, below `spam_at`: prayers, petitions and slogans
    /// are sent by many as well, and it takes a person to tell.
    pub campaign_weight_max: f64,
    /// When moderators have called this many members of a campaign spam, and none ham, all the others are spam whatever
    /// their score; 0 never. As many hams, and no spam, clear it: then being part of it counts nothing. Default 3: one
    /// decision may be a slip, three are none.
    pub campaign_decisions: u32,

    /// Seconds within which comments of one author or from one address are counted. Default 600, ten minutes. The longest
    /// of all sites is in force for all of them.
    pub burst_window_seconds: u32,
    /// So many comments of one author, by name and address, within that time are a burst; 0 never. Default 10: one a
    /// minute, in ten minutes on end.
    pub burst_author_at: u32,
    /// So many comments from one IP, or one IPv6 network (/64), within that time are a burst; 0 never. Default 20: a school or
    /// an office has one address for all.
    pub burst_address_at: u32,
    /// Points for a comment in a burst. Default 3, below `hold_at`: people in a hot debate write fast too.
    pub burst_weight: f64,

    /// Points for each word that mixes Latin letters with Cyrillic or Greek ones that look the same. Default 3: one
    /// such word can be a slip of the keyboard layout.
    pub script_mix_weight: f64,
    /// At most this many points for such words. Default 8, below `spam_at`.
    pub script_mix_weight_max: f64,
    /// Points when words are written in mathematical or enclosed letters, which look like Latin ones and slip past word
    /// lists. Default 5, as much as `hold_at`: hardly anybody else writes like this.
    pub styled_letters_weight: f64,

    /// Points for each word that is written so as not to be found: with invisible characters, piled-up marks, letters set
    /// apart, look-alikes or drawn letters, and for each web address that is spelt out. What `script_mix_weight` or
    /// `styled_letters_weight` has counted is not counted again. Default 1.5: one such word is a joke, an accident of
    /// copying, or an address hidden from robots.
    pub obfuscated_weight: f64,
    /// At most this many points for such words. Default 4, below `hold_at`: people play with letters too, so it takes
    /// another hint to hold.
    pub obfuscated_weight_max: f64,

    /// Points when the author's name holds a link or a domain. Default 5, as much as `hold_at`: names are not
    /// addresses.
    pub name_link_weight: f64,
    /// Points when readers are sent to a phone number or a messenger. Default 3: frequent in scams, yet small
    /// advertisements do it too.
    pub contact_weight: f64,
    /// Names of messengers; one of them together with a number or an `@handle` sends readers away. Default the common
    /// ones.
    pub messengers: Vec<String>,
    /// Beginnings of links that open a chat. Default those of the common messengers.
    pub chat_links: Vec<String>,

    /// At most this many points when the learned model takes a comment for spam. Default 5, as much as `hold_at`: the model has
    /// never seen the site, so it may hold by itself and throw nothing away. With 12 it may; 0 turns it off.
    pub model_weight_max: f64,
    /// At most this many points are taken off when the model takes a comment for an honest one. Default 0: what the rules say
    /// stands. With 2 an answer with a link or two is let through, a list of them is not.
    pub model_relief_max: f64,
    /// Hold what is in a script or a language that the model has never learned. Default true: nothing is published
    /// unchecked. A site in such a language turns it off and relies on the rules, or waits until the filter has learned
    /// from its moderators.
    pub hold_unknown_language: bool,

    /// Points for an author without an approved comment; counts in mode `first_time` only. Default 1: everybody was new
    /// once.
    pub first_time_weight: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::FirstTime,
            hold_at: 5.0,
            spam_at: 10.0,
            hold_at_links: 2,
            link_weight: 1.5,
            link_weight_max: 8.0,
            hold_words: Vec::new(),
            reject_words: Vec::new(),
            suspect_words: words::suspect(),
            suspect_words_max: 8.0,
            honeypot_weight: 10.0,
            min_form_seconds: 3.0,
            fast_form_weight: 3.0,
            shouting_share: 0.7,
            shouting_min_letters: 20,
            shouting_weight: 1.5,
            run_length: 12,
            run_weight: 1.0,
            repeat_min_chars: 30,
            repeat_weight: 5.0,
            repeat_weight_max: 8.0,
            campaign_min_size: 5,
            campaign_window_seconds: 86_400,
            campaign_weight: 5.0,
            campaign_weight_max: 8.0,
            campaign_decisions: 3,
            burst_window_seconds: 600,
            burst_author_at: 10,
            burst_address_at: 20,
            burst_weight: 3.0,
            script_mix_weight: 3.0,
            script_mix_weight_max: 8.0,
            styled_letters_weight: 5.0,
            obfuscated_weight: 1.5,
            obfuscated_weight_max: 4.0,
            name_link_weight: 5.0,
            contact_weight: 3.0,
            messengers: words::messengers(),
            chat_links: words::chat_links(),
            model_weight_max: 5.0,
            model_relief_max: 0.0,
            hold_unknown_language: true,
            first_time_weight: 1.0,
        }
    }
}

impl Policy {
    /// The policy's name in a verdict: the first 12 hex digits of the SHA-256 of its JSON, fields in their order. Two
    /// policies have the same version when they are equal. Compute it once, not for each comment.
    pub fn version(&self) -> String {
        let json = serde_json::to_vec(self).expect("numbers, words and lists always serialise");
        Sha256::digest(json).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether every number can be meant.
    pub fn check(&self) -> Result<(), PolicyError> {
        for (field, value) in self.numbers() {
            if !value.is_finite() || value.is_sign_negative() {
                return Err(PolicyError::Number { field: field.to_owned(), value });
            }
        }
        if self.shouting_share > 1.0 {
            return Err(PolicyError::Share(self.shouting_share));
        }
        if self.hold_at > self.spam_at {
            return Err(PolicyError::Thresholds { hold_at: self.hold_at, spam_at: self.spam_at });
        }
        if self.hold_at == 0.0 {
            return Err(PolicyError::HoldsAll);
        }
        if self.campaign_min_size < 2 {
            return Err(PolicyError::CampaignOfOne(self.campaign_min_size));
        }
        Ok(())
    }

    fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        let fields = [
            ("hold_at", self.hold_at),
            ("spam_at", self.spam_at),
            ("link_weight", self.link_weight),
            ("link_weight_max", self.link_weight_max),
            ("suspect_words_max", self.suspect_words_max),
            ("honeypot_weight", self.honeypot_weight),
            ("min_form_seconds", self.min_form_seconds),
            ("fast_form_weight", self.fast_form_weight),
            ("shouting_share", self.shouting_share),
            ("shouting_weight", self.shouting_weight),
            ("run_weight", self.run_weight),
            ("repeat_weight", self.repeat_weight),
            ("repeat_weight_max", self.repeat_weight_max),
            ("campaign_weight", self.campaign_weight),
            ("campaign_weight_max", self.campaign_weight_max),
            ("burst_weight", self.burst_weight),
            ("script_mix_weight", self.script_mix_weight),
            ("script_mix_weight_max", self.script_mix_weight_max),
            ("styled_letters_weight", self.styled_letters_weight),
            ("obfuscated_weight", self.obfuscated_weight),
            ("obfuscated_weight_max", self.obfuscated_weight_max),
            ("name_link_weight", self.name_link_weight),
            ("contact_weight", self.contact_weight),
            ("first_time_weight", self.first_time_weight),
        ];
        fields.into_iter().chain(self.suspect_words.iter().map(|(word, weight)| (word.as_str(), *weight)))
    }
}

/// Why a policy cannot be in force, and what to write instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A number that no weight or limit can be.
    #[error("{field} is {value}; write a number of 0 or more")]
    Number {
        /// The field, or the suspect word.
        field: String,
        /// What it was.
        value: f64,
    },
    /// A share above one.
    #[error("shouting_share is {0}; write a share from 0 to 1")]
    Share(f64),
    /// Spam below hold.
    #[error("spam_at ({spam_at}) is below hold_at ({hold_at}); write them the other way round")]
    Thresholds {
        /// The lower one, supposedly.
        hold_at: f64,
        /// The higher one, supposedly.
        spam_at: f64,
    },
    /// A threshold that every comment reaches.
    #[error("hold_at is 0, which every comment reaches; write mode = \"pre\" to hold everything")]
    HoldsAll,
    /// A campaign that every comment would be.
    #[error(
        "campaign_min_size is {0}; write 2 or more, or campaign_weight = 0 and campaign_decisions = 0 for no campaigns"
    )]
    CampaignOfOne(u32),
    /// A word list that cannot be compiled.
    #[error("{field} cannot be searched for: {detail}; shorten the list")]
    Words {
        /// The field.
        field: &'static str,
        /// What the compiler said.
        detail: String,
    },
    /// A site's policy, with what is wrong in it.
    #[error("the spam policy of site {site:?}: {source}")]
    Site {
        /// The site.
        site: String,
        /// What is wrong.
        source: Box<PolicyError>,
    },
}
