//! Generates the message types and their proto3 JSON mapping; protox compiles the schemas, so no protoc is needed.
use std::{env, fs, path::PathBuf};

use prost_build::Config;

const SCHEMAS: [&str; 3] = ["rejoinder/v1/comment.proto", "rejoinder/v1/events.proto", "rejoinder/v1/moderation.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for schema in SCHEMAS {
        println!("cargo:rerun-if-changed={schema}");
    }
    let descriptors = protox::compile(SCHEMAS, ["."])?;
    Config::new()
        .compile_well_known_types()
        .extern_path(".google.protobuf", "::pbjson_types")
        .bytes([".rejoinder.v1.DeadLetter", ".rejoinder.v1.DeadLetterSettled", ".rejoinder.v1.Header"])
        .compile_fds(descriptors.clone())?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let encoded = out.join("descriptors.bin");
    fs::write(&encoded, prost_bytes(&descriptors))?;
    pbjson_build::Builder::new().register_descriptors(&fs::read(&encoded)?)?.build(&[".rejoinder.v1"])?;
    Ok(())
}

fn prost_bytes(descriptors: &impl prost::Message) -> Vec<u8> {
    descriptors.encode_to_vec()
}
