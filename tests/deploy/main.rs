//! What lies below deploy/ is what it says: servers take the configurations and keep to them, units are
//! sound, samples are decoded by the program's own settings, and what is watched exists.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod compose;
mod follow;
mod monitoring;
mod nats;
mod privileges;
mod promql;
mod servers;
mod settings;
mod systemd;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in it").to_owned()
}

/// A file or folder below deploy/.
fn deploy(path: &str) -> PathBuf {
    root().join("deploy").join(path)
}

/// The text of a file below deploy/.
fn text(path: &str) -> String {
    let path = deploy(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the files in a folder below deploy/, in order.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(deploy(folder)).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    let mut names: Vec<String> = names
        .map(|name| name.into_string().expect("names are text"))
        .collect();
    names.sort();
    names
}

/// Everything that a region runs: its services and the gateway.
fn processes() -> Vec<&'static str> {
    let services = liandong::services::HOSTINGS.iter();
    services
        .map(|hosting| hosting.name)
        .chain(["gateway"])
        .collect()
}
