//! A cursor as text in a URL.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use uuid::Uuid;

use crate::{
    Cursor,
    tree::{MAX_LEVELS, SEGMENT},
};

/// The bytes of an id.
const ID: usize = 16;

/// A cursor that no page gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`cursor` is not one that an earlier page gave; leave it out to start at the first page")]
pub struct CursorError;

impl Cursor {
    /// Opaque text, safe in a URL.
    pub fn encode(&self) -> String {
        BASE64.encode([self.path.as_slice(), self.id.as_bytes()].concat())
    }

    /// Reads what [`Cursor::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, CursorError> {
        let bytes = BASE64.decode(text).map_err(|_| CursorError)?;
        let (path, id) = bytes.split_last_chunk::<ID>().ok_or(CursorError)?;
        let levels = path.len() / SEGMENT;
        if path.len() % SEGMENT != 0 || levels == 0 || levels > MAX_LEVELS {
            return Err(CursorError);
        }
        Ok(Self { path: path.to_vec(), id: Uuid::from_bytes(*id) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back(segments in vec(any::<[u8; SEGMENT]>(), 1..=MAX_LEVELS), id: u128) {
            let cursor = Cursor { path: segments.concat(), id: Uuid::from_u128(id) };
            let text = cursor.encode();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{}", text);
            prop_assert_eq!(Cursor::decode(&text), Ok(cursor));
        }

        /// Every byte of it counts: a page begins where the one before it ended, and nowhere else.
        #[test]
        fn other_places_have_other_cursors(
            one in vec(any::<[u8; SEGMENT]>(), 1..=MAX_LEVELS), other in vec(any::<[u8; SEGMENT]>(), 1..=MAX_LEVELS),
            ids: (u128, u128),
        ) {
            let cursor = |segments: &[_], id| Cursor { path: segments.concat(), id: Uuid::from_u128(id) };
            let (a, b) = (cursor(&one, ids.0), cursor(&other, ids.1));
            prop_assert_eq!(a == b, a.encode() == b.encode());
        }

        #[test]
        fn anything_else_is_an_error_and_no_panic(text: String) {
            prop_assert!(Cursor::decode(&text).is_err());
        }
    }

    #[test]
    fn the_error_names_the_field_and_the_way_out() {
        for text in ["", "AAAA", "not base64!", &"A".repeat(400)] {
            let error = Cursor::decode(text).expect_err(text).to_string();
            assert!(error.contains("`cursor`") && error.contains("leave it out"), "{error}");
        }
    }
}
