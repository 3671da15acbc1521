//! Real nats-servers for tests: one, or a cluster of three whose members can be killed.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::connection::{Nats, NatsSettings};

/// How long servers may take until streams can be made.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// The server's binary: `NATS_SERVER`, or where `tests/run` has put it.
///
/// # Panics
/// If there is none.
pub fn nats_server() -> PathBuf {
    let unpacked =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/nats-server");
    let binary = std::env::var_os("NATS_SERVER").map_or(unpacked, PathBuf::from);
    assert!(
        binary.exists(),
        "no nats-server at {}: run tests/run once, or set NATS_SERVER",
        binary.display()
    );
    binary
}

/// Servers that keep streams below a directory; killed when dropped.
pub struct TestServers {
    dir: PathBuf,
    ports: Vec<u16>,
    running: Vec<Option<Child>>,
}

impl TestServers {
    /// Starts `count` servers (1 or 3) and waits until streams with as many replicas can be made.
    ///
    /// # Panics
    /// If they do not come up.
    pub async fn start(dir: &Path, count: usize) -> Self {
        let mut servers = Self {
            dir: dir.to_owned(),
            ports: free_ports(count),
            running: (0..count).map(|_| None).collect(),
        };
        let cluster = free_ports(count);
        for index in 0..count {
            servers.configure(index, &cluster);
            servers.begin(index);
        }
        servers.until_ready().await;
        servers
    }

    pub fn settings(&self) -> NatsSettings {
        let url = |port: &u16| format!("nats://127.0.0.1:{port}");
        NatsSettings {
            servers: self.ports.iter().map(url).collect(),
            credentials: None,
            tls_ca: None,
            replicas: self.ports.len(),
            sync_always: false,
            domains: std::collections::BTreeMap::new(),
        }
    }

    /// Kills one server as the kernel would.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&mut self, index: usize) {
        let mut child = self.running[index].take().expect("the server runs");
        child.kill().expect("a child can be killed");
        child.wait().expect("a killed child ends");
    }

    /// Starts a killed server again, on its data.
    pub fn begin(&mut self, index: usize) {
        let log = fs::File::create(self.dir.join(format!("server-{index}.log")));
        let child = Command::new(nats_server())
            .arg("-c")
            .arg(self.config(index))
            .stdout(Stdio::null())
            .stderr(log.expect("the test's directory takes files"))
            .spawn()
            .expect("nats-server starts");
        self.running[index] = Some(child);
    }

    /// Where one server keeps its streams.
    pub fn store(&self, index: usize) -> PathBuf {
        self.dir.join(format!("store-{index}"))
    }

    /// Waits until streams can be made.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn until_ready(&self) {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Ok(nats) = Nats::connect(self.settings(), "is it ready").await
                && nats.jetstream().query_account().await.is_ok()
            {
                return;
            }
            assert!(Instant::now() < deadline, "NATS did not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn config(&self, index: usize) -> PathBuf {
        self.dir.join(format!("server-{index}.conf"))
    }

    fn configure(&self, index: usize, cluster: &[u16]) {
        let mut config = format!(
            "server_name: n{index}\nlisten: 127.0.0.1:{}\njetstream {{ store_dir: \"{}\" }}\n",
            self.ports[index],
            self.store(index).display()
        );
        if cluster.len() > 1 {
            let routes: Vec<String> = cluster
                .iter()
                .map(|port| format!("nats://127.0.0.1:{port}"))
                .collect();
            writeln!(
                config,
                "cluster {{ name: test, listen: 127.0.0.1:{}, routes: {routes:?} }}",
                cluster[index]
            )
            .expect("text takes text");
        }
        fs::write(self.config(index), config).expect("the test's directory takes files");
    }
}

impl Drop for TestServers {
    fn drop(&mut self) {
        for child in self.running.iter_mut().flatten() {
            // It may have ended by itself; then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ports that are free now; all are held until all are known, so that they differ.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().expect("it is bound").port())
        .collect()
}
