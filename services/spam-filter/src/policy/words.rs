use std::collections::BTreeMap;

/// What comment spam sells, and the points for it. Gambling, pills, loans and trading weigh most; phrases of people who
/// collect subscribers weigh less, since people also quote them.
const SUSPECT: &[(f64, &[&str])] = &[
    (
        3.0,
        &[
            "viagra",
            "cialis",
            "online casino",
            "casino bonus",
            "slot gacor",
            "gacor",
            "maxwin",
            "payday loan",
            "payday loans",
            "binary options",
            "forex trading",
            "forex signals",
            "crypto giveaway",
            "investment platform",
            "guaranteed profit",
            "recovery expert",
            "buy followers",
            "free followers",
            "sub4sub",
            "sub for sub",
            "онлайн казино",
            "казино онлайн",
            "быстрый заработок",
            "удаленный заработок",
            "пассивный доход",
        ],
    ),
    (
        2.0,
        &[
            "casino",
            "forex",
            "free money",
            "make money online",
            "earn money online",
            "work from home",
            "check out my channel",
            "subscribe to my channel",
            "visit my channel",
            "check out my video",
            "link in bio",
            "link in my bio",
            "seo services",
            "казино",
            "пишите в лс",
        ],
    ),
];

pub(super) fn suspect() -> BTreeMap<String, f64> {
    SUSPECT.iter().flat_map(|(weight, words)| words.iter().map(|word| ((*word).to_owned(), *weight))).collect()
}

pub(super) fn messengers() -> Vec<String> {
    ["whatsapp", "whats app", "telegram", "viber", "wechat", "телеграм", "вотсап", "ватсап"].map(String::from).into()
}

pub(super) fn chat_links() -> Vec<String> {
    ["wa.me/", "t.me/", "telegram.me/", "api.whatsapp.com/", "chat.whatsapp.com/", "viber.me/"].map(String::from).into()
}
