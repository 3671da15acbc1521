//! Servers on the configurations of deploy/nats, changed in nothing but ports and directories.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nats_event_feed::testing::nats_server;

use crate::{names, text};

/// The environment of nats-server as deploy/nats/passwords.env has it.
pub(crate) fn passwords() -> BTreeMap<String, String> {
    let file = text("nats/passwords.env");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// All files that nats-server reads, by their paths below deploy/nats.
pub(crate) fn configurations() -> Vec<String> {
    let regions = names("nats/regions").into_iter();
    let regions = regions.map(|name| format!("regions/{name}"));
    let others = names("nats").into_iter();
    let others = others.filter(|name| name != "regions" && name != "passwords.env");
    others.chain(regions).collect()
}

/// A server; killed when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// The server of single.conf.
    pub(crate) fn single(dir: &Path) -> Self {
        Self::start(dir, "single.conf", "310000", 0)
    }

    /// Starts a server of a region on a configuration, below `dir`; the hub listens on `hub`.
    fn start(dir: &Path, configuration: &str, region: &str, hub: u16) -> Self {
        let store = dir.join("store");
        fs::create_dir_all(dir.join("regions")).expect("the test's directory takes files");
        let [port, monitoring] = free_ports();
        for file in configurations() {
            let mut written = text(&format!("nats/{file}"))
                .replace("0.0.0.0", "127.0.0.1")
                .replace(":4222", &format!(":{port}"))
                .replace(":8222", &format!(":{monitoring}"))
                .replace(":7422", &format!(":{hub}"))
                .replace("/var/lib/nats", &store.display().to_string());
            if file == configuration {
                written = written.replace("310000", region);
            }
            fs::write(dir.join(file), written).expect("the test's directory takes files");
        }
        let mut environment = passwords();
        for (name, value) in &mut environment {
            if name.starts_with("LIANDONG_NATS_HUB") {
                *value = value
                    .replace("310000", region)
                    .replace("hub.example:7422", &format!("127.0.0.1:{hub}"));
            }
        }
        let said = fs::File::create(dir.join("server.log"));
        let child = Command::new(nats_server())
            .arg("-c")
            .arg(dir.join(configuration))
            .env_clear()
            .envs(environment)
            .stdout(Stdio::null())
            .stderr(said.expect("the test's directory takes files"))
            .spawn()
            .expect("nats-server starts");
        let url = format!("nats://127.0.0.1:{port}");
        Self { url, child }
    }
}

/// Two regions, each with a server of its own, and the hub between them.
pub(crate) struct Regions {
    pub(crate) shanghai: Server,
    pub(crate) qingdao: Server,
    _hub: Server,
}

impl Regions {
    pub(crate) fn start(dir: &Path) -> Self {
        let [port, _] = free_ports();
        let start = |name: &str, configuration: &str, region: &str| {
            Server::start(&dir.join(name), configuration, region, port)
        };
        Self {
            _hub: start("hub", "hub.conf", "310000"),
            shanghai: start("shanghai", "leaf.conf", "310000"),
            qingdao: start("qingdao", "leaf.conf", "370200"),
        }
    }
}

/// Ports that are free now; both are held until both are known, so that they differ.
fn free_ports() -> [u16; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("it is bound").port())
}
