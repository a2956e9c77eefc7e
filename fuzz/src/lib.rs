//! What the targets share. A target takes bytes, hands them to a parser as the outside would, and asserts what must hold
//! of every answer: not only that nothing panics.

pub mod events;
pub mod house;

use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

/// Ends one field of an input of several: a byte that UTF-8 never has.
pub const FIELD_END: u8 = 0xff;

/// The fields of an input, as text; bytes that are not UTF-8 become U+FFFD.
pub fn fields(data: &[u8]) -> impl Iterator<Item = String> {
    data.split(|byte| *byte == FIELD_END).map(|field| String::from_utf8_lossy(field).into_owned())
}

/// Runs a future to its end on this thread. Nothing here may really wait.
pub fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));
    RUNTIME.block_on(future)
}
