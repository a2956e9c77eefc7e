//! Training rows in disguise, so that the model learns what a disguise says and that it says nothing of whole texts in
//! fancy letters, of accents and of emoji, which honest readers write too.

use std::{collections::BTreeMap, sync::LazyLock};

use unicode_security::skeleton;

use super::solve::Random;

/// What spam is disguised by. As in the next list, what comes more often stands there more often.
const OF_SPAM: [Disguise; 12] = [
    Disguise::LookAlikes,
    Disguise::LookAlikes,
    Disguise::Hidden,
    Disguise::Spaced,
    Disguise::Digits,
    Disguise::Drawn,
    Disguise::Drawn,
    Disguise::Drawn,
    Disguise::Pictures,
    Disguise::Marks,
    Disguise::Torn,
    Disguise::Doubled,
];

/// What honest texts are dressed in.
const OF_HAM: [Disguise; 7] = [
    Disguise::Drawn,
    Disguise::Drawn,
    Disguise::Drawn,
    Disguise::Small,
    Disguise::Accents,
    Disguise::Emoji,
    Disguise::Emoji,
];

/// Pictures that people write behind words.
const PICTURES: [char; 16] =
    ['🔥', '😍', '❤', '😂', '👏', '💎', '🎉', '😭', '🙏', '💯', '😊', '🚀', '✨', '👍', '😎', '🥰'];

/// Small capitals as people write them: some with what looked like F and S before Unicode had them.
const SMALL: [&str; 2] = ["ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡxʏᴢ", "ᴀʙᴄᴅᴇғɢʜɪᴊᴋʟᴍɴᴏᴘǫʀsᴛᴜᴠᴡxʏᴢ"];

#[derive(Clone, Copy)]
enum Disguise {
    LookAlikes,
    Hidden,
    Spaced,
    Digits,
    Drawn,
    Pictures,
    Marks,
    Torn,
    Doubled,
    Small,
    Accents,
    Emoji,
}

/// Letters that look like each small Latin one, by Unicode's table of confusables.
static LOOK_ALIKES: LazyLock<BTreeMap<char, Vec<char>>> = LazyLock::new(|| {
    let mut table: BTreeMap<char, Vec<char>> = BTreeMap::new();
    // Greek and Cyrillic, Armenian, Cherokee, and the letters of Coptic.
    for c in ['\u{370}'..='\u{58f}', '\u{13a0}'..='\u{13fd}', '\u{2c80}'..='\u{2cff}'].into_iter().flatten() {
        let alike: String = skeleton(&c.to_string()).collect();
        if let [latin @ b'a'..=b'z'] = alike.as_bytes() {
            table.entry(char::from(*latin)).or_default().push(c);
        }
    }
    table
});

/// The text of a row in a disguise that goes with its label.
pub fn disguise(text: &str, spam: bool, random: &mut Random) -> String {
    let kind = if spam { OF_SPAM[random.below(OF_SPAM.len())] } else { OF_HAM[random.below(OF_HAM.len())] };
    match kind {
        Disguise::LookAlikes => letters(text, [0.2, 0.4, 1.0][random.below(3)], random, |c, random, out| {
            let alike = LOOK_ALIKES.get(&c.to_ascii_lowercase());
            out.push(alike.map_or(c, |alike| alike[random.below(alike.len())]));
        }),
        Disguise::Hidden => letters(text, 0.3, random, |c, random, out| {
            out.extend([c, ['\u{200b}', '\u{200d}', '\u{2060}', '\u{ad}'][random.below(4)]]);
        }),
        Disguise::Digits => letters(text, 0.5, random, |c, _, out| {
            let place = "aeiost".find(c.to_ascii_lowercase());
            out.push(place.and_then(|place| "431057".chars().nth(place)).unwrap_or(c));
        }),
        Disguise::Marks => letters(text, 0.4, random, |c, random, out| {
            out.push(c);
            out.extend(char::from_u32(0x300 + random.below(0x46) as u32));
        }),
        Disguise::Accents => letters(text, 0.5, random, |c, _, out| {
            let place = "aeiouncyAEIOU".chars().position(|plain| plain == c);
            out.push(place.and_then(|place| "áëïöüñçýÀÉÎÕÛ".chars().nth(place)).unwrap_or(c));
        }),
        Disguise::Pictures => letters(text, 0.15, random, |c, random, out| {
            out.extend([c, picture(random)]);
        }),
        Disguise::Drawn => {
            let first = [0x1d400, 0x1d434, 0x1d468, 0x1d5a0, 0x1d5d4, 0x1d670][random.below(6)];
            letters(text, 1.0, random, |c, _, out| {
                let place = if c.is_ascii_uppercase() { u32::from(c) - 65 } else { u32::from(c) - 97 + 26 };
                // Unicode has the small italic h elsewhere.
                out.push(char::from_u32(first + place).filter(|c| c.is_alphabetic()).unwrap_or('ℎ'));
            })
        }
        Disguise::Small => {
            let (alphabet, keeps_capitals) = (SMALL[random.below(SMALL.len())], random.chance(0.5));
            letters(text, 1.0, random, |c, _, out| {
                let place = (u32::from(c.to_ascii_lowercase()) - 97) as usize;
                let keeps = keeps_capitals && c.is_ascii_uppercase();
                out.push(alphabet.chars().nth(place).filter(|_| !keeps).unwrap_or(c));
            })
        }
        Disguise::Spaced => words(text, 0.4, random, |word, random| {
            let between = [" ", ".", "-", "_"][random.below(4)];
            if word.chars().nth(3).is_none() {
                return word.to_owned();
            }
            word.chars().map(String::from).collect::<Vec<_>>().join(between)
        }),
        Disguise::Torn => letters(text, 0.15, random, |c, _, out| out.extend([c, ' '])),
        Disguise::Doubled => letters(text, 0.3, random, |c, _, out| out.extend([c, c])),
        Disguise::Emoji => emoji(text, random),
    }
}

/// One of the common pictures, or any.
fn picture(random: &mut Random) -> char {
    if random.chance(0.5) {
        return PICTURES[random.below(PICTURES.len())];
    }
    let blocks = [0x1f300..=0x1f3ff, 0x1f400..=0x1f4ff, 0x1f600..=0x1f64f, 0x1f680..=0x1f6c5, 0x1f900..=0x1f9ff_u32];
    let block = &blocks[random.below(blocks.len())];
    char::from_u32(block.start() + random.below(block.clone().count()) as u32).unwrap_or(PICTURES[0])
}

/// Puts pictures between some words: behind them, at them, or instead of the space.
fn emoji(text: &str, random: &mut Random) -> String {
    let share = [0.1, 0.3, 0.5, 1.0][random.below(4)];
    let (before, after) = [(" ", " "), ("", " "), ("", "")][random.below(3)];
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c == ' ' && random.chance(share) {
            out.push_str(before);
            out.push(picture(random));
            out.push_str(after);
        } else {
            out.push(c);
        }
    }
    out
}

/// Rewrites about a share of the ASCII letters.
fn letters(text: &str, share: f64, random: &mut Random, rewrite: impl Fn(char, &mut Random, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_alphabetic() && random.chance(share) {
            rewrite(c, random, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

/// Rewrites about a share of the words.
fn words(text: &str, share: f64, random: &mut Random, rewrite: impl Fn(&str, &mut Random) -> String) -> String {
    let rewritten = text.split(' ').map(|word| match random.chance(share) {
        true => rewrite(word, random),
        false => word.to_owned(),
    });
    rewritten.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_a_look_alike_or_stays() {
        assert!(LOOK_ALIKES.len() > 15, "{:?}", LOOK_ALIKES.keys());
        assert!(LOOK_ALIKES[&'a'].contains(&'а'));
    }

    #[test]
    fn a_seed_always_gives_the_same_disguises() {
        let text = "subscribe to my channel please";
        let some = |seed| {
            let mut random = Random::new(seed);
            (0..20).map(|n| disguise(text, n % 2 == 0, &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(some(7), some(7));
        assert!(some(7).iter().filter(|disguised| *disguised != text).count() > 15);
    }
}
