//! Counting bytes many in one step.

/// In pieces so short, whose counts fit into a byte, a compiler looks at many bytes at once.
pub const PIECE: usize = 128;

/// How many bytes are such. A test without branches is the quickest.
pub fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> u32 {
    let of = |piece: &[u8]| piece.iter().fold(0, |count, byte| count + u8::from(is(*byte)));
    bytes.chunks(PIECE).map(|piece| u32::from(of(piece))).sum()
}

/// How many bytes are such beside the next one.
pub fn count_pairs(bytes: &[u8], are: impl Fn(u8, u8) -> bool) -> u32 {
    let next = bytes.get(1..).unwrap_or_default();
    let of = |piece: &[u8], next: &[u8]| {
        let pairs = piece.iter().zip(next);
        pairs.fold(0, |count, (a, b)| count + u8::from(are(*a, *b)))
    };
    bytes.chunks(PIECE).zip(next.chunks(PIECE)).map(|(piece, next)| u32::from(of(piece, next))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_across_two_pieces_is_counted() {
        for length in 0..400 {
            let bytes = vec![b'a'; length];
            let expected = u32::try_from(length).expect("a small number");
            assert_eq!(count(&bytes, |byte| byte == b'a'), expected);
            assert_eq!(count_pairs(&bytes, |a, b| a == b), expected.saturating_sub(1));
        }
    }
}
