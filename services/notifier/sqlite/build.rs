//! The migrations are embedded in the crate; the compiler must see a new one.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
