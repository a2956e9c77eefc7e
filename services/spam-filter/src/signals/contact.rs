//! Sending readers elsewhere: phone numbers, messengers, chats.

use std::ops::RangeInclusive;

use super::{hint, name, quoted};
use crate::{Rules, Signal, reading::Reading, rules::Meaning};

/// ITU-T E.164: at most 15 digits with the country's code.
const INTERNATIONAL_DIGITS: RangeInclusive<usize> = 8..=15;

/// Without a plus it takes one digit more: `2024-01-31` has 8.
const LOCAL_DIGITS: RangeInclusive<usize> = 9..=15;

/// Points when the text gives an international phone number, a link into a chat, or a messenger together with a number
/// or an `@handle`.
pub(super) fn contact(reading: &Reading<'_>, vocabulary: &[usize], rules: &Rules) -> Option<Signal> {
    let weight = rules.policy().contact_weight;
    let number = |which: fn(&Number) -> bool| reading.plain_texts().any(|text| phone_numbers(text).any(|n| which(&n)));
    let find = |meaning| vocabulary.iter().find(|word| rules.meanings.get(**word) == Some(&meaning));
    if find(Meaning::ChatLink).is_some() {
        return hint(name::CONTACT, weight, || "it links into a chat".to_owned());
    }
    if let Some(word) = find(Meaning::Messenger)
        && (number(|_| true) || reading.plain_texts().any(has_handle))
    {
        return hint(name::CONTACT, weight, || format!("it sends readers to {}", quoted(rules.vocabulary.word(*word))));
    }
    if reading.plain_texts().any(|text| text.contains('+')) && number(|number| number.international) {
        return hint(name::CONTACT, weight, || "it gives an international phone number".to_owned());
    }
    None
}

struct Number {
    international: bool,
}

/// Runs of digits, spaces, dots, hyphens and brackets that have as many digits as a phone number.
fn phone_numbers(text: &str) -> impl Iterator<Item = Number> + '_ {
    let is_part = |c: char| c.is_ascii_digit() || " .-()+\u{a0}".contains(c);
    text.split(move |c| !is_part(c))
        .flat_map(|run| {
            // A plus begins a number; what stands before it is another one.
            run.split_inclusive('+').scan(false, |after_plus, part| {
                let international = std::mem::replace(after_plus, part.ends_with('+'));
                let digits = part.bytes().filter(u8::is_ascii_digit).count();
                let is_number = match international {
                    true => {
                        part.starts_with(|c: char| c.is_ascii_digit() || c == '(')
                            && INTERNATIONAL_DIGITS.contains(&digits)
                    }
                    false => LOCAL_DIGITS.contains(&digits),
                };
                Some(is_number.then_some(Number { international }))
            })
        })
        .flatten()
}

/// An `@` before a name and after no letter, as in no email address.
fn has_handle(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let free = !text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let name = text[at + 1..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').take(3).count();
        free && name == 3
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_told_from_other_numbers() {
        let international = |text| phone_numbers(text).any(|number| number.international);
        for text in ["call +1 (202) 555-0123 now", "+44.20.7946.0958", "a +12025550123", "1 + 1 +12025550123"] {
            assert!(international(text), "{text}");
        }
        for text in
            ["1 + 123456", "10+ years", "+1 for this", "c++ 20202020", "2024-01-31 12:00", "+ 12025550123 things"]
        {
            assert!(!international(text), "{text}");
        }
        assert_eq!(phone_numbers("202 555 01 23").count(), 1);
        assert_eq!(phone_numbers("in 2023, 1234567 of 2024-01-31, 12345678901234567890").count(), 0);
    }

    #[test]
    fn a_handle_is_no_address() {
        assert!(has_handle("write @mrs_smith today"));
        assert!(!has_handle("write to smith@a.example or @ home"));
    }
}
