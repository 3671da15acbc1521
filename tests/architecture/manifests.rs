//! What every manifest says: versions come from the workspace, nothing is there that nobody uses, and
//! no crate may use `unsafe`.

use std::collections::BTreeSet;
use std::fs;

use toml::{Table, Value};

use crate::{assert_none, assert_says, root, sources};

/// The folders whose children are crates, and the crates that stand alone.
const CRATE_FOLDERS: &[&str] = &["libs", "services"];
const CRATES: &[&str] = &["tests"];

/// Dependencies that no source names, and why they are there.
const UNNAMED: &[(&str, &str, &str)] = &[
    ("libs/proto", "tonic-prost", "the generated code names it"),
    ("libs/proto", "tonic", "the generated code names it"),
];

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

/// The manifests of all crates, by their folders.
fn manifests() -> Vec<(String, Table)> {
    let inside = CRATE_FOLDERS.iter().flat_map(|folder| {
        let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
        entries.map(move |entry| {
            let name = entry.expect("it can be listed").file_name();
            format!("{folder}/{}", name.to_string_lossy())
        })
    });
    let alone = CRATES.iter().map(|folder| (*folder).to_owned());
    let manifests: Vec<(String, Table)> = inside
        .chain(alone)
        .map(|folder| {
            let path = root().join(&folder).join("Cargo.toml");
            let text = fs::read_to_string(path).expect("it has a manifest");
            (folder, text.parse().expect("the manifest is TOML"))
        })
        .collect();
    assert!(manifests.len() > 10, "the manifests were not read");
    manifests
}

/// What a manifest depends on, in whatever way.
fn dependencies(manifest: &Table) -> BTreeSet<&str> {
    let tables = manifest.iter().filter_map(|(key, value)| {
        let table = value.as_table()?;
        key.ends_with("dependencies").then_some(table)
    });
    tables.flat_map(Table::keys).map(String::as_str).collect()
}

/// The crates that a source names: what a path begins with.
fn named_crates(words: &[String], named: &mut BTreeSet<String>) {
    let is = |at: usize, sign: &str| words.get(at).is_some_and(|word| word == sign);
    for (at, word) in words.iter().enumerate() {
        let begins = at < 2 || !(is(at - 1, ":") && is(at - 2, ":"));
        if begins && is(at + 1, ":") && is(at + 2, ":") {
            named.insert(word.clone());
        }
    }
}

fn unused_dependencies(crate_: &str, manifest: &Table, named: &BTreeSet<String>) -> Vec<String> {
    let unused = dependencies(manifest).into_iter().filter(|dependency| {
        let excused = UNNAMED
            .iter()
            .any(|(of, unnamed, _)| of == &crate_ && unnamed == dependency);
        !excused && !named.contains(&dependency.replace('-', "_"))
    });
    unused
        .map(|dependency| format!("{crate_} depends on {dependency} and never names it"))
        .collect()
}

/// Keys of the lint tables that no comment stands right above.
fn lints_without_reason(manifest: &str) -> Vec<String> {
    let mut violations = Vec::new();
    let (mut in_lints, mut above) = (false, "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_lints = line.starts_with("[workspace.lints");
        } else if in_lints && line.contains('=') && !above.starts_with('#') {
            violations.push(format!("no reason is given for the lint {line}"));
        }
        above = line;
    }
    violations
}

fn workspace_manifest() -> String {
    fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest")
}

#[test]
fn every_crate_takes_its_versions_and_lints_from_the_workspace() {
    let manifests = manifests();
    let found = manifests
        .iter()
        .flat_map(|(name, text)| violations(name, text));
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn no_crate_depends_on_what_it_never_names() {
    assert!(UNNAMED.iter().all(|(_, _, reason)| !reason.is_empty()));
    let sources = sources::all();
    let mut violations = Vec::new();
    for (folder, manifest) in manifests() {
        let mut named = BTreeSet::new();
        let below = format!("{folder}/");
        for source in sources
            .iter()
            .filter(|source| source.path.starts_with(&below))
        {
            named_crates(&source.words(), &mut named);
        }
        violations.extend(unused_dependencies(&folder, &manifest, &named));
    }
    assert_none(&violations);
}

#[test]
fn every_dependency_of_the_workspace_is_some_crates() {
    let workspace: Table = workspace_manifest().parse().expect("it is TOML");
    let declared = workspace["workspace"]["dependencies"].as_table();
    let declared = declared.expect("the workspace declares dependencies");
    let manifests = manifests();
    let used: BTreeSet<&str> = manifests
        .iter()
        .flat_map(|(_, one)| dependencies(one))
        .collect();
    let unused = declared.keys().filter(|name| !used.contains(name.as_str()));
    assert_none(
        &unused
            .map(|name| format!("nobody uses {name}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_lint_has_its_reason() {
    assert_none(&lints_without_reason(&workspace_manifest()));
    let silent = "[workspace.lints.rust]\n# Why.\nunsafe_code = \"forbid\"\ndead_code = \"warn\"";
    let found = lints_without_reason(silent);
    assert_says(&found, "dead_code");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_dependency_that_is_never_named_is_found() {
    let manifest = "[dependencies]\ntokio-util = \"1\"\n[dev-dependencies]\ndirectory = \"1\"";
    let manifest = manifest.parse().expect("it is TOML");
    let unused = |code: &str| {
        let source = sources::Source {
            path: "libs/x/src/lib.rs".to_owned(),
            text: code.to_owned(),
        };
        let mut named = BTreeSet::new();
        named_crates(&source.words(), &mut named);
        unused_dependencies("libs/x", &manifest, &named)
    };
    assert_none(&unused(
        "use tokio_util::sync; #[directory::test] fn f() {}",
    ));
    let found = unused("use domain::directory::Desk; fn tokio_util() {}");
    assert_says(&found, "directory");
    assert_says(&found, "tokio-util");
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
