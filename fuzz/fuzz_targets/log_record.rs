//! A row of the embedded log's file, damaged in any way: its encoded headers, and cells of types that the log never
//! writes. The first byte picks the types of the cells.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use rejoinder_fuzz::FIELD_END;
use rejoinder_pipeline::sqlite::fuzzing::{OneRecord, Row, Value, decode_headers, encode_headers};

thread_local! {
    static LOG: LazyCell<OneRecord> = LazyCell::new(|| OneRecord::new().expect("a log in memory"));
}

fuzz_target!(|data: &[u8]| {
    let Some((&types, data)) = data.split_first() else { return };
    let headers = decode_headers(data);
    let encoded = encode_headers(&headers);
    assert_eq!(decode_headers(&encoded), headers, "what is written is read");

    let mut cells = data.splitn(3, |byte| *byte == FIELD_END);
    let mut cell = |shift: u8| value(types >> shift & 3, cells.next().unwrap_or_default());
    let (key, payload) = (cell(0), cell(2));
    let bytes = cells.next().unwrap_or_default();
    let headers = value(types >> 4 & 3, bytes);
    let appended_at = if types >> 6 & 1 == 0 { integer(bytes) } else { value(types >> 6, bytes) };
    let row = Row { appended_at, key, headers, payload };
    LOG.with(|log| {
        let Some(answer) = log.read(i64::from(types), &row) else { return };
        // An error is an answer, too: the worker says so and waits.
        let Ok(records) = answer else { return };
        let [delivered] = records.as_slice() else { panic!("{} records of one row", records.len()) };
        assert_eq!(delivered.position.offset, i64::from(types));
        if let Value::Blob(key) = &row.key {
            assert_eq!(&delivered.record.key, key);
        }
        match (&row.payload, &delivered.record.payload) {
            (Value::Blob(written), Some(read)) => assert_eq!(written, read),
            (written, read) => assert_eq!((written, read), (&Value::Null, &None)),
        }
    });
});

fn value(kind: u8, bytes: &[u8]) -> Value {
    match kind {
        0 => Value::Blob(bytes.to_vec()),
        1 => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        2 => integer(bytes),
        _ => Value::Null,
    }
}

fn integer(bytes: &[u8]) -> Value {
    let first = bytes.first_chunk().copied().unwrap_or_default();
    Value::Integer(i64::from_le_bytes(first))
}
