//! A record's Protobuf payload, as the message of any topic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rejoinder_proto::Format;

fuzz_target!(|data: &[u8]| rejoinder_fuzz::events::check(data, Format::Protobuf));
