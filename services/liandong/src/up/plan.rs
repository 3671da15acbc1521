//! What `up` starts: which process with which settings on which port, all written down as files that
//! a person can read and use by hand.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use eventsourcing::Region;
use serde_json::json;
use uuid::Uuid;

use crate::failure::Failure;
use crate::reference::CHINA;
use crate::services::HOSTINGS;

/// One process of a region.
pub(super) struct Planned {
    pub(super) region: Region,
    /// A service, or `gateway`.
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) config: PathBuf,
}

/// Everything that is started.
pub(super) struct Plan {
    pub(super) dir: PathBuf,
    nats: SocketAddr,
    pub(super) services: Vec<Planned>,
}

impl Plan {
    /// Chooses ports and writes the settings of every process below `dir`.
    ///
    /// # Errors
    /// If there are no ports, or the files cannot be written.
    pub(super) fn make(dir: &Path, regions: &[Region], port: u16) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed(format!("{}: {error}; choose another --data", dir.display()))
        };
        fs::create_dir_all(dir.join("run")).map_err(failed)?;
        let dir = dir.canonicalize().map_err(failed)?;
        let mut ports = free_ports(regions.len() * (HOSTINGS.len() + 1) + 1)?.into_iter();
        let mut next = || {
            let port = ports.next().expect("as many were asked for");
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        let mut plan = Self {
            nats: next(),
            services: Vec::new(),
            dir,
        };
        let password = plan.nats_settings()?;
        Self::write(&plan.reference(), CHINA)?;
        for (index, region) in regions.iter().enumerate() {
            let mut addresses = BTreeMap::new();
            for hosting in HOSTINGS {
                let address = next();
                addresses.insert(hosting.name, address);
                let settings = json!({
                    "region": region,
                    "regions": regions,
                    "root": plan.dir.join("nodes").join(region.as_str()),
                    "listen": address,
                    "keys": { "copy": plan.dir.join("keys-copy") },
                    "copies": { "nats": {
                        "servers": [plan.nats_url()],
                        "credentials": { "user": { "name": "liandong", "password": password } },
                    } },
                });
                plan.add(*region, hosting.name, address, &settings)?;
            }
            let address = match u16::try_from(index).ok().and_then(|n| port.checked_add(n)) {
                Some(own) if port != 0 => SocketAddr::from((Ipv4Addr::LOCALHOST, own)),
                _ => next(),
            };
            let settings = json!({ "listen": address, "services": addresses });
            plan.add(*region, "gateway", address, &settings)?;
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        region: Region,
        name: &'static str,
        address: SocketAddr,
        settings: &serde_json::Value,
    ) -> Result<(), Failure> {
        let config = self.dir.join("run").join(format!("{region}-{name}.toml"));
        let text = toml::to_string(settings).expect("settings are tables, texts and numbers");
        Self::write(&config, &text)?;
        self.services.push(Planned {
            region,
            name,
            address,
            config,
        });
        Ok(())
    }

    /// One account from the first run on, so that its streams are never orphaned by a later one; the
    /// password is made once and kept.
    fn nats_settings(&self) -> Result<String, Failure> {
        let kept = self.dir.join("run/nats-password");
        let password = match fs::read_to_string(&kept) {
            Ok(password) => password,
            Err(_) => Uuid::new_v4().simple().to_string(),
        };
        Self::write(&kept, &password)?;
        let (listen, store) = (self.nats, self.dir.join("nats"));
        let text = format!(
            "server_name: liandong\nlisten: {listen}\n\
             jetstream {{ store_dir: \"{}\" }}\n\
             accounts {{\n  LIANDONG {{ jetstream: enabled, \
             users: [{{ user: liandong, password: \"{password}\" }}] }}\n}}\n",
            store.display()
        );
        Self::write(&self.nats_config(), &text)?;
        Ok(password)
    }

    fn write(path: &Path, text: &str) -> Result<(), Failure> {
        fs::write(path, text).map_err(|error| {
            Failure::failed(format!(
                "{}: {error}; choose another --data",
                path.display()
            ))
        })
    }

    pub(super) fn nats_config(&self) -> PathBuf {
        self.dir.join("run/nats.conf")
    }

    pub(super) fn nats_address(&self) -> SocketAddr {
        self.nats
    }

    pub(super) fn nats_url(&self) -> String {
        format!("nats://{}", self.nats)
    }

    pub(super) fn reference(&self) -> PathBuf {
        self.dir.join("run/reference.toml")
    }

    /// Where each region answers.
    pub(super) fn gateways(&self) -> BTreeMap<Region, String> {
        let gateways = self.services.iter().filter(|it| it.name == "gateway");
        gateways
            .map(|it| (it.region, format!("http://{}", it.address)))
            .collect()
    }
}

/// Ports that are free now; all are held until all are known, so that they differ.
fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let ports = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()
        .and_then(|held| {
            held.iter()
                .map(|listener| Ok(listener.local_addr()?.port()))
                .collect()
        });
    ports.map_err(|error| {
        Failure::failed(format!(
            "no free ports: {error}; look at the system's limits"
        ))
    })
}
