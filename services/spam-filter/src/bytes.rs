//! Counting bytes many in one step.

/// Bytes are looked at in pieces of one length, so that a compiler looks at many at once.
pub const PIECE: usize = 64;

/// Calls for all bytes in pieces, the last one filled up with zeros.
#[inline]
pub fn in_pieces(bytes: &[u8], mut of: impl FnMut(&[u8; PIECE])) {
    let (pieces, rest) = bytes.as_chunks();
    pieces.iter().for_each(&mut of);
    if !rest.is_empty() {
        let mut last = [0; PIECE];
        last[..rest.len()].copy_from_slice(rest);
        of(&last);
    }
}

/// How many bytes of a piece are such. A test without branches is the quickest.
pub fn count_in(piece: &[u8; PIECE], is: impl Fn(u8) -> bool) -> u32 {
    u32::from(piece.iter().fold(0_u8, |count, byte| count + u8::from(is(*byte))))
}

/// How many bytes are such; zeros never are.
pub fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> u32 {
    let mut count = 0;
    in_pieces(bytes, |piece| count += count_in(piece, |byte| is(byte) & (byte != 0)));
    count
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

/// The bytes that are such. Whether one is kept decides no branch, only where the next one goes.
pub fn kept(bytes: &[u8], is: impl Fn(&u8) -> bool) -> Vec<u8> {
    let mut kept = vec![0; bytes.len()];
    let mut end = 0;
    for byte in bytes {
        kept[end] = *byte;
        end += usize::from(is(byte));
    }
    kept.truncate(end);
    kept
}

/// Where each run of ASCII letters and digits begins and ends. No byte of the text is above 127.
pub fn words_of(ascii: &[u8], word: impl FnMut(usize, usize)) {
    runs_of(ascii, alphanumeric, word);
}

/// Where each run of such bytes begins and ends, tested eight at a time: the test sets the high bit of each that is one. No
/// byte is above 127, and zero is none.
pub fn runs_of(ascii: &[u8], are: impl Fn(u64) -> u64, mut run: impl FnMut(usize, usize)) {
    let (mut start, mut inside, mut last) = (0, false, 0);
    let mut edges_of = |at: usize, bits: u64| {
        // A bit for each place where a run begins or ends; they take turns. No branch depends on how long runs are.
        let mut edges = bits ^ (bits << 1 | last);
        last = bits >> 63;
        while edges != 0 {
            let edge = at + edges.trailing_zeros() as usize;
            if inside {
                run(start, edge);
            }
            start = edge;
            inside = !inside;
            edges &= edges - 1;
        }
    };
    let mut at = 0;
    in_pieces(ascii, |piece| {
        edges_of(at, bits(piece, &are));
        at += PIECE;
    });
    // A run may last until the end of the last piece.
    edges_of(at, 0);
}

/// At least as many as there are runs of one such byte, tested as in [`runs_of`].
pub fn most_alone(ascii: &[u8], are: impl Fn(u64) -> u64) -> u32 {
    let (mut alone, mut last) = (0, 0);
    in_pieces(ascii, |piece| {
        let bits = bits(piece, &are);
        // Whether a run goes on in the next piece is not looked at.
        alone += (bits & !(bits << 1 | last) & !(bits >> 1)).count_ones();
        last = bits >> 63;
    });
    alone
}

/// A test for [`runs_of`].
pub fn alphanumeric(eight: u64) -> u64 {
    between(eight, b'0', b'9') | between(eight | (EACH * 0x20), b'a', b'z')
}

/// The high bit of each byte that is one of these; no byte is above 127.
pub fn between(eight: u64, first: u8, last: u8) -> u64 {
    // Nothing is carried into the next byte.
    let at_least = |least: u8| eight + EACH * u64::from(0x80 - least);
    at_least(first) & !at_least(last + 1) & (EACH << 7)
}

/// A one in each byte.
const EACH: u64 = u64::MAX / 255;

/// Whether one of eight bytes is zero: the classic test of C's string functions, exact for any bytes.
pub fn holds_zero(eight: u64) -> bool {
    eight.wrapping_sub(EACH) & !eight & (EACH << 7) != 0
}

/// A test for [`bits`]: ASCII white space, as Rust has it, and zero.
pub fn space(eight: u64) -> u64 {
    let low = eight & (EACH * 0x7f);
    let lines = between(low, b'\t', b'\r') & !between(low, b'\x0b', b'\x0b');
    (lines | between(low, b' ', b' ') | between(low, 0, 0)) & !eight
}

/// A bit for each byte, the first the lowest, by a test that sets the high bit of each that is one.
pub fn bits(piece: &[u8; PIECE], are: impl Fn(u64) -> u64) -> u64 {
    let (eights, _) = piece.as_chunks::<8>();
    // The product's highest byte gathers the lowest bits of all bytes.
    let gathered = |eight| (are(u64::from_le_bytes(eight)) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().rev().fold(0, |bits, eight| bits << 8 | gathered(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let all: Vec<u8> = (0..128).collect();
        let every_second: Vec<u8> = (0..128).flat_map(|byte| [byte, b' ']).collect();
        let long = [b"a".repeat(200), b" ".repeat(70), b"b1 c".repeat(40)].concat();
        for text in [&all, &every_second, &long] {
            for length in 0..text.len() {
                let text = &text[..length];
                let mut found = Vec::new();
                words_of(text, |from, to| found.push(&text[from..to]));
                let split = text.split(|byte| !byte.is_ascii_alphanumeric());
                assert_eq!(found, split.filter(|word| !word.is_empty()).collect::<Vec<_>>());
            }
        }
    }

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
