//! What is known of characters, looked up in the large tables once.

use std::sync::OnceLock;

/// So many characters are looked up together when the first of them is asked for.
const BLOCK: usize = 128;

const BLOCKS: usize = (char::MAX as usize + 1) / BLOCK;

/// What a function says of characters, kept. The crates that know Unicode search tables of thousands of ranges for each
/// character; a text has few scripts, so that their few blocks are filled once and then read.
pub(crate) struct Table<T> {
    of: fn(char) -> T,
    blocks: [OnceLock<Box<[T; BLOCK]>>; BLOCKS],
}

impl<T: Copy> Table<T> {
    pub(crate) const fn new(of: fn(char) -> T) -> Self {
        Self { of, blocks: [const { OnceLock::new() }; BLOCKS] }
    }

    pub(crate) fn get(&self, c: char) -> T {
        let code = c as usize;
        let block = self.blocks[code / BLOCK].get_or_init(|| self.fill(code / BLOCK));
        block[code % BLOCK]
    }

    #[cold]
    fn fill(&self, block: usize) -> Box<[T; BLOCK]> {
        let c = |place| u32::try_from(block * BLOCK + place).ok().and_then(char::from_u32);
        Box::new(std::array::from_fn(|place| (self.of)(c(place).unwrap_or(char::REPLACEMENT_CHARACTER))))
    }
}
