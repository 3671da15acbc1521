//! Compiles /proto into Rust, and says of every request and response whether it is a command's.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};

const META: &str = ".liandong.types.v1.CommandMeta";
const RESULT: &str = ".liandong.types.v1.CommandResult";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    find_protos(&root.join("liandong"), &mut files)?;
    files.sort();

    let set = protox::compile(&files, [root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), set.encode_to_vec())?;
    fs::write(out.join("commands.rs"), command_impls(&set)?)?;
    fs::write(out.join("modules.rs"), modules(&set)?)?;
    tonic_prost_build::configure().compile_fds(set)?;
    Ok(())
}

fn find_protos(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_protos(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

/// `pub mod intake { pub mod v1 { tonic::include_proto!("liandong.intake.v1"); } }`, for each package.
fn modules(set: &FileDescriptorSet) -> Result<String, std::fmt::Error> {
    let mut packages: Vec<&str> = set
        .file
        .iter()
        .map(prost_types::FileDescriptorProto::package)
        .collect();
    packages.retain(|package| package.starts_with("liandong."));
    packages.sort_unstable();
    packages.dedup();
    let mut code = String::new();
    for package in packages {
        let context = context(package);
        writeln!(
            code,
            "/// Package `{package}`.\npub mod {context} {{ pub mod v1 {{ tonic::include_proto!(\"{package}\"); }} }}"
        )?;
    }
    Ok(code)
}

/// Every message with a `CommandMeta` is a command's request; with a `CommandResult` alone, its
/// response. (The few responses that say more are put together by hand.)
fn command_impls(set: &FileDescriptorSet) -> Result<String, std::fmt::Error> {
    let mut code = String::new();
    for file in &set.file {
        for word in file
            .package()
            .starts_with("liandong.")
            .then_some(&file.enum_type)
            .into_iter()
            .flatten()
        {
            enum_impl(&mut code, file.package(), word)?;
        }
        for message in &file.message_type {
            let path = format!("crate::{}::v1::{}", context(file.package()), message.name());
            if has_field(message, "meta", META) {
                writeln!(
                    code,
                    "impl crate::CommandRequest for {path} {{\n    const NAME: &'static str = \"{}.{}\";\n    fn meta(&self) -> Option<&crate::types::v1::CommandMeta> {{ self.meta.as_ref() }}\n    fn take_meta(&mut self) -> Option<crate::types::v1::CommandMeta> {{ self.meta.take() }}\n}}",
                    file.package(),
                    message.name(),
                )?;
            }
            if message.field.len() == 1 && has_field(message, "result", RESULT) {
                writeln!(
                    code,
                    "impl From<crate::types::v1::CommandResult> for {path} {{\n    fn from(result: crate::types::v1::CommandResult) -> Self {{ Self {{ result: Some(result) }} }}\n}}",
                )?;
            }
        }
    }
    Ok(code)
}

/// A word by its name in the proto: `RISK_LEVEL_HIGH`, without the prefix that all share.
fn enum_impl(
    code: &mut String,
    package: &str,
    word: &EnumDescriptorProto,
) -> Result<(), std::fmt::Error> {
    let unspecified = word.value.first().map_or("", |value| value.name());
    let prefix = unspecified.trim_end_matches("UNSPECIFIED");
    writeln!(
        code,
        "impl crate::Word for crate::{}::v1::{} {{\n    const PREFIX: &'static str = \"{prefix}\";\n    fn full_name(number: i32) -> Option<&'static str> {{ Self::try_from(number).ok().map(|word| word.as_str_name()) }}\n    fn number(full_name: &str) -> Option<i32> {{ Self::from_str_name(full_name).map(|word| word as i32) }}\n}}",
        context(package),
        word.name(),
    )
}

fn has_field(message: &DescriptorProto, name: &str, of: &str) -> bool {
    message
        .field
        .iter()
        .any(|field| field.name() == name && field.type_name() == of)
}

/// `liandong.intake.v1` -> `intake`.
fn context(package: &str) -> &str {
    package.split('.').nth(1).unwrap_or(package)
}
