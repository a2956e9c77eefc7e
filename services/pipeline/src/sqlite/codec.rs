//! Headers as bytes: each a length-delimited `Header` message.

use prost::Message;
use rejoinder_proto::{headers::Headers, v1::Header};

/// The headers as the log's file keeps them.
pub fn encode(headers: &Headers) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    for (name, value) in headers.iter() {
        let header = Header { name: name.to_owned(), value: value.to_vec().into() };
        // Writing to a Vec cannot run out of room.
        let _ = header.encode_length_delimited(&mut bytes);
    }
    bytes
}

/// The headers up to the first byte that is none: what a damaged file still gives.
pub fn decode(mut bytes: &[u8]) -> Headers {
    let mut headers = Headers::new();
    while !bytes.is_empty() {
        match Header::decode_length_delimited(&mut bytes) {
            Ok(header) => headers.push(header.name, header.value),
            Err(error) => {
                tracing::error!(%error, "a record's headers in the log are damaged");
                break;
            }
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back(pairs in proptest::collection::vec((".*", proptest::collection::vec(any::<u8>(), 0..40)), 0..8)) {
            let headers: Headers = pairs.into_iter().collect();
            prop_assert_eq!(decode(&encode(&headers)), headers);
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            decode(&bytes);
        }
    }
}
