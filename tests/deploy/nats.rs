//! The configurations of nats-server, read by nats-server; and what a reader of them relies on.

use std::collections::BTreeSet;
use std::process::Command;

use liandong::services::HOSTINGS;
use nats_event_feed::testing::nats_server;

use crate::servers::{configurations, passwords};
use crate::{deploy, names, text};

const SERVERS: [&str; 4] = ["single", "cluster", "hub", "leaf"];
const REGIONS: [&str; 3] = ["100000", "310000", "370200"];

#[test]
fn nats_server_takes_every_configuration() {
    for server in SERVERS {
        let checked = Command::new(nats_server())
            .arg("-t")
            .arg("-c")
            .arg(deploy(&format!("nats/{server}.conf")))
            .env_clear()
            .envs(passwords())
            .output()
            .expect("nats-server starts");
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{server}: {said}");
    }
    let mut expected: Vec<String> = SERVERS.iter().map(|name| format!("{name}.conf")).collect();
    expected.extend(["accounts.conf", "passwords.env", "regions"].map(str::to_owned));
    expected.sort();
    assert_eq!(names("nats"), expected);
}

#[test]
fn a_configuration_without_its_passwords_is_refused() {
    let checked = Command::new(nats_server())
        .arg("-t")
        .arg("-c")
        .arg(deploy("nats/single.conf"))
        .env_clear()
        .output()
        .expect("nats-server starts");
    assert!(!checked.status.success(), "an empty password was taken");
}

/// The names of environment variables in a configuration.
fn variables(configuration: &str) -> impl Iterator<Item = String> {
    let lines = configuration.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with('#'));
    let found = lines.flat_map(|line| line.split("$LIANDONG_").skip(1));
    found.map(|rest| {
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        format!("LIANDONG_{}", name.into_iter().next().unwrap_or_default())
    })
}

#[test]
fn the_environment_file_holds_what_the_configurations_ask_for_and_no_more() {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for file in configurations() {
        asked.extend(variables(&text(&format!("nats/{file}"))));
    }
    let held: BTreeSet<String> = passwords().into_keys().collect();
    assert_eq!(asked, held);
}

#[test]
fn regions_differ_in_their_code_only() {
    let shanghai = text("nats/regions/310000.conf");
    let files: Vec<String> = REGIONS.iter().map(|code| format!("{code}.conf")).collect();
    assert_eq!(names("nats/regions"), files);
    for region in REGIONS {
        let own = text(&format!("nats/regions/{region}.conf"));
        assert_eq!(own, shanghai.replace("310000", region), "{region}");
    }
}

#[test]
fn every_service_is_a_user_and_whoever_writes_has_its_own_log() {
    let users = text("nats/regions/310000.conf");
    assert_eq!(users.matches("user: ").count(), HOSTINGS.len());
    for hosting in HOSTINGS {
        let name = hosting.name;
        assert!(
            users.contains(&format!("user: \"310000-{name}\"")),
            "{name}"
        );
        let writes = users.contains(&format!("\"liandong.log.310000.{name}.>\""));
        assert_eq!(writes, hosting.writes, "{name}");
    }
}

#[test]
fn every_account_is_exported_to_all_others_and_imports_all_others() {
    let accounts = text("nats/accounts.conf");
    let hub = text("nats/hub.conf");
    for region in REGIONS {
        for other in REGIONS.iter().filter(|other| **other != region) {
            let import = format!("account: \"{other}\", subject: \"$JS.API.STREAM.INFO.*\"");
            assert_eq!(accounts.matches(&import).count(), REGIONS.len(), "{other}");
            let import =
                format!("account: \"{other}\", subject: \"$JS.{other}.API.STREAM.INFO.*\"");
            assert_eq!(hub.matches(&import).count(), REGIONS.len() - 1, "{other}");
        }
    }
}
