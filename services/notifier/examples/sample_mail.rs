//! Writes one mail as moderators get it, to look at after a change of the templates:
//! `cargo run -p rejoinder-notifier --example sample_mail -- sample.eml`

#[path = "../tests/it/samples.rs"]
mod samples;

use std::{env, fs};

use rejoinder_notifier::{Moderator, NewMail, Policy, Settings, mail::compose, row_id};
use rejoinder_proto::{Event, token::TokenKeys};
use uuid::Uuid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = env::args().nth(1).ok_or("name the file to write, such as sample.eml")?;
    let event = samples::screened();
    let comment = Uuid::parse_str(event.id())?;
    let moderator = Moderator { name: "amin".into(), email: "amin@news.example".parse()? };
    let owed = NewMail {
        id: row_id(comment, &moderator.name),
        comment,
        site: "news".into(),
        moderator: moderator.name.clone(),
        event: event.encode(),
        created_at: chrono::Utc::now(),
        trace: None,
    };
    let policy = Policy { title: "The News".into(), ..Policy::default() };
    let mail = compose(&owed, &policy, &moderator, &Settings::default(), &TokenKeys::new([[7; 32]])?)?;
    fs::write(path, mail.bytes)?;
    Ok(())
}
