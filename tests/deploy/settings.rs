//! The sample settings, decoded by what the program decodes its own with, and compared with each other.

use std::fs;

use eventsourcing::Region;
use liandong::GatewaySettings;
use liandong::services::HOSTINGS;
use nats_event_feed::Credentials;
use node::alone::{self, AloneSettings};

use crate::{deploy, names, processes, text};

/// What gives the password of a service for NATS: the key of the settings, as the environment has it.
pub(crate) const PASSWORD: &str = "LIANDONG_NODE_COPIES__NATS__CREDENTIALS__USER__PASSWORD";

pub(crate) fn of(service: &str) -> AloneSettings {
    let file = deploy(&format!("settings/{service}.toml"));
    alone::settings(Some(&file)).unwrap_or_else(|error| panic!("{service}: {error}"))
}

pub(crate) fn of_gateway() -> GatewaySettings {
    toml::from_str(&text("settings/gateway.toml")).expect("the gateway's settings are whole")
}

#[test]
fn every_process_has_a_sample_and_nothing_else_has() {
    let mut expected: Vec<String> = processes()
        .iter()
        .map(|name| format!("{name}.toml"))
        .collect();
    expected.sort();
    assert_eq!(names("settings"), expected);
}

#[test]
fn the_samples_of_the_services_agree_with_the_gateway_and_with_nats() {
    let gateway = of_gateway();
    assert_eq!(gateway.services.len(), HOSTINGS.len());
    let shanghai: Region = "310000".parse().unwrap();
    let single = text("nats/single.conf");
    for hosting in HOSTINGS {
        let settings = of(hosting.name);
        assert_eq!(settings.listen, gateway.services[hosting.name]);
        assert_eq!(settings.region, shanghai);
        assert_eq!(settings.root, of("directory").root, "one key for a region");
        let nats = settings.copies.expect("logs are copied").nats;
        let Some(Credentials::User { name, password }) = &nats.credentials else {
            panic!("{}: NATS asks for a name", hosting.name);
        };
        assert_eq!(*name, format!("310000-{}", hosting.name));
        assert_eq!(password, "change-me");
        let others = settings.regions.iter().filter(|it| **it != shanghai);
        let domains: Vec<(Region, String)> = nats.domains.into_iter().collect();
        let mut expected: Vec<(Region, String)> = others.map(|it| (*it, it.to_string())).collect();
        expected.sort();
        assert_eq!(
            domains, expected,
            "every other region is reached by its code"
        );
        assert_eq!(nats.sync_always, single.contains("sync_interval: always"));
    }
}

#[test]
fn the_password_is_where_the_samples_say_that_it_comes_from() {
    let keys = PASSWORD.strip_prefix("LIANDONG_NODE_").unwrap();
    for hosting in HOSTINGS {
        let sample = text(&format!("settings/{}.toml", hosting.name));
        assert!(sample.contains(PASSWORD), "{}", hosting.name);
        let table: toml::Value = toml::from_str(&sample).unwrap();
        let mut keys = keys.split("__").map(str::to_lowercase);
        let found = keys.try_fold(&table, |table, key| table.get(key));
        assert!(found.is_some_and(toml::Value::is_str), "{}", hosting.name);
    }
    let steps = fs::read_to_string(deploy("README.md")).unwrap();
    assert!(steps.contains(PASSWORD));
}
