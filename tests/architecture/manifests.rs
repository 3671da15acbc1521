//! What every manifest says: versions come from the workspace, and no crate may use `unsafe`.

use std::fs;

use toml::{Table, Value};

use crate::{assert_none, assert_says, root};

/// The folders whose children are crates, and the crates that stand alone.
const CRATE_FOLDERS: &[&str] = &["libs", "services"];
const CRATES: &[&str] = &["tests"];

fn violations(name: &str, manifest: &Table) -> Vec<String> {
    let mut violations = versions_of_its_own(name, manifest);
    let lints = &manifest["lints"];
    let inherited = lints.get("workspace").and_then(Value::as_bool) == Some(true);
    let unsafe_code = lints.get("rust").and_then(|rust| rust.get("unsafe_code"));
    if !inherited && unsafe_code.and_then(Value::as_str) != Some("forbid") {
        violations.push(format!("{name} does not forbid unsafe code"));
    }
    violations
}

/// Dependencies that are not `workspace = true`, wherever a manifest can name one.
fn versions_of_its_own(name: &str, manifest: &Table) -> Vec<String> {
    let mut violations = Vec::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else {
            continue;
        };
        if !key.ends_with("dependencies") {
            violations.extend(versions_of_its_own(name, table));
            continue;
        }
        for (dependency, wanted) in table {
            if wanted.get("workspace").and_then(Value::as_bool) != Some(true) {
                violations.push(format!("{name} has a version of {dependency} of its own"));
            }
        }
    }
    violations
}

#[test]
fn every_crate_takes_its_versions_and_lints_from_the_workspace() {
    let root = root();
    let inside = CRATE_FOLDERS.iter().flat_map(|folder| {
        let entries = fs::read_dir(root.join(folder)).expect("the folder is there");
        entries.map(|entry| entry.expect("it can be listed").path())
    });
    let alone = CRATES.iter().map(|folder| root.join(folder));
    let manifests: Vec<(String, Table)> = inside
        .chain(alone)
        .map(|folder| {
            let text = fs::read_to_string(folder.join("Cargo.toml")).expect("it has a manifest");
            let name = folder.file_name().expect("it has a name");
            let manifest = text.parse().expect("the manifest is TOML");
            (name.to_string_lossy().into_owned(), manifest)
        })
        .collect();
    assert!(manifests.len() > 10, "the manifests were not read");
    let found = manifests
        .iter()
        .flat_map(|(name, text)| violations(name, text));
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn a_version_of_its_own_is_found_in_every_table() {
    for table in [
        "dependencies",
        "dev-dependencies",
        "build-dependencies",
        "target.'cfg(unix)'.dependencies",
    ] {
        let manifest = format!("[lints]\nworkspace = true\n[{table}]\nserde = \"1\"");
        let manifest = manifest.parse().expect("it is TOML");
        assert_says(&violations("x", &manifest), "a version of serde of its own");
    }
}

#[test]
fn a_crate_that_allows_unsafe_code_is_found() {
    let manifest = "[lints.rust]\nunsafe_code = \"deny\"";
    let manifest = manifest.parse().expect("it is TOML");
    assert_says(&violations("x", &manifest), "x does not forbid unsafe code");
}
