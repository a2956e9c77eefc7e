//! A line of the file that `rejoinder submit` publishes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rejoinder_proto::{Event, Topic, headers::Headers, v1};

// The binary has no library to depend on.
#[path = "../../services/rejoinder/src/commands/submit"]
mod submit {
    pub mod row;
}
use submit::row::{Defaults, event};

const DEFAULTS: Defaults<'_> = Defaults { site: "news", thread: "a" };

fuzz_target!(|data: &[u8]| {
    let Ok(line) = std::str::from_utf8(data) else { return };
    match event(line, &DEFAULTS) {
        Ok(event) => {
            let bytes = Event::encode(&event);
            let read = v1::CommentSubmitted::decode(Topic::Submitted, &Headers::new(), Some(&bytes));
            assert_eq!(read.as_ref(), Ok(&event), "what is published is read");
            assert_eq!(submit::row::event(line, &DEFAULTS).ok(), Some(event), "the same event every time");
        }
        Err(error) => assert!(format!("{error:#}").len() < 1_000),
    }
});
