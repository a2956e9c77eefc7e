//! The cursor of a page, as a client sends it back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rejoinder_comment_store::{
    Cursor,
    tree::{MAX_LEVELS, SEGMENT},
};
use uuid::Uuid;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(cursor) = Cursor::decode(text)
    {
        assert!((1..=MAX_LEVELS).contains(&(cursor.path.len() / SEGMENT)) && cursor.path.len() % SEGMENT == 0);
        assert_eq!(cursor.encode(), text, "a place has one name only");
    }
    // A place that could be: whole levels of these bytes.
    let Some((id, path)) = data.split_first_chunk::<16>() else { return };
    let levels = (path.len() / SEGMENT).min(MAX_LEVELS);
    let cursor = Cursor { path: path[..levels * SEGMENT].to_vec(), id: Uuid::from_bytes(*id) };
    assert_eq!(Cursor::decode(&cursor.encode()).ok(), (levels > 0).then_some(cursor));
});
