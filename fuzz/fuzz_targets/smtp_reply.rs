//! What an SMTP server says, from its greeting to its answer to the mail. The first byte picks the size of the pieces in
//! which it comes, and whether we log in.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rejoinder_fuzz::block_on;
use rejoinder_notifier::{
    Email,
    mail::Mail,
    mailer::{Failure, Step, classify, fuzzing},
};

static MAIL: LazyLock<Mail> = LazyLock::new(|| {
    let address = |text: &str| text.parse::<Email>().expect("an address");
    Mail {
        id: uuid::Uuid::from_u128(7),
        from: address("rejoinder@example.org"),
        to: address("editor@example.org"),
        bytes: b"Subject: held\r\n\r\n.\r\nA comment is held.\r\n".to_vec(),
    }
});

fuzz_target!(|data: &[u8]| {
    let Some((&shape, script)) = data.split_first() else { return };
    let piece = usize::from(shape & 0x3f) + 1;
    let login = (shape & 0x40 != 0).then_some(("rejoinder", "opensesame"));
    let handed_over = block_on(fuzzing::hand_over(script, piece, login, &MAIL));
    match &handed_over {
        // Greeting, EHLO, sender, recipient, DATA, content: six replies that begin with 2 or 3.
        Ok(()) => assert!(good_lines(script) >= 6, "handed over to a server that did not take it"),
        Err(failure) => says_what_to_do(failure, script),
    }
    match block_on(fuzzing::start_tls(script, piece)) {
        Ok(greeting) => {
            assert!(script.starts_with(&greeting) && greeting.starts_with(b"220"));
            assert!(good_lines(script) >= 3, "encrypted without three replies");
            let upper = script.to_ascii_uppercase();
            assert!(upper.windows(8).any(|word| word == b"STARTTLS"), "nobody offered STARTTLS");
        }
        Err(failure) => says_what_to_do(&failure, script),
    }
});

fn good_lines(script: &[u8]) -> usize {
    script.split(|byte| *byte == b'\n').filter(|line| matches!(line.first(), Some(b'2' | b'3'))).count()
}

fn says_what_to_do(failure: &Failure, script: &[u8]) {
    for reopened in [false, true] {
        classify(failure, reopened);
    }
    match failure {
        Failure::Reply { code, step } => {
            assert!((100..=999).contains(code), "{code} in {step:?}");
            assert!(script.windows(3).any(|word| word == code.to_string().as_bytes()), "{code} was never said");
        }
        Failure::Connection {
            step: Step::Session | Step::Login | Step::Sender | Step::Recipient | Step::Data | Step::Content,
            ..
        } => {}
        Failure::Folder(_) => panic!("there is no folder"),
    }
    // The server may speak of people; a failure may not.
    assert!(!failure.to_string().contains("ada@"), "{failure} quotes the server");
}
