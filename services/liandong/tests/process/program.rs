//! The program as a process: started, asked where it answers, killed; what it says is kept in files.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use eventsourcing::{EventLog, Position, Recorded};
use node::client::Caller;
use segment_log::{Options, SegmentLog};
use serde_json::Value;
use tonic::transport::Channel;

pub(crate) const SHANGHAI: &str = "310000";
pub(crate) const CENTRAL: &str = "100000";
pub(crate) const QINGDAO: &str = "370200";

/// `liandong dev` of three regions.
pub(crate) struct Program {
    child: Child,
    /// Copies what it writes to its standard output.
    copying: Option<JoinHandle<()>>,
    said: PathBuf,
}

/// Where its regions answer, and who may call.
#[derive(Clone)]
pub(crate) struct Regions {
    nodes: BTreeMap<String, Channel>,
    ready: Value,
}

impl Program {
    /// Starts it; `said` is a directory for what it writes to standard output and error.
    pub(crate) fn start(data: &Path, said: &Path, log_filter: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_liandong"))
            .args(["-o", "json", "dev", "--port", "0", "--data"])
            .arg(data)
            .env("RUST_LOG", log_filter)
            .stdout(Stdio::piped())
            .stderr(appending(&said.join("stderr")))
            .spawn()
            .unwrap();
        Self {
            child,
            copying: None,
            said: said.to_owned(),
        }
    }

    /// Waits until it says that everything serves, and connects.
    pub(crate) async fn ready(&mut self) -> Regions {
        let mut said = BufReader::new(self.child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let mut kept = appending(&self.said.join("stdout"));
        kept.write_all(line.as_bytes()).unwrap();
        let copying = std::thread::spawn(move || drop(std::io::copy(&mut said, &mut kept)));
        self.copying = Some(copying);
        let mut nodes = BTreeMap::new();
        for region in ready["regions"].as_array().unwrap() {
            let node = Channel::from_shared(text(&region["url"])).unwrap();
            nodes.insert(text(&region["region"]), node.connect().await.unwrap());
        }
        Regions { nodes, ready }
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It is dead already if the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(copying) = self.copying.take() {
            // It ends with the pipe.
            let _ = copying.join();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

impl Regions {
    pub(crate) fn node(&self, region: &str) -> Channel {
        self.nodes[region].clone()
    }

    /// What the program said when everything served.
    pub(crate) fn ready(&self) -> &Value {
        &self.ready
    }

    /// Somebody of the reference data, in a role.
    pub(crate) fn caller(&self, worker: &str, role: &str) -> Caller {
        let worker = &self.ready["workers"][worker];
        Caller {
            person: text(&worker["person"]),
            organization: text(&worker["organization"]),
            role: role.to_owned(),
        }
    }

    /// A desk of the reference data: its organization, and itself.
    pub(crate) fn desk(&self, code: &str) -> (String, String) {
        let desk = &self.ready["desks"][code];
        (text(&desk["organization"]), text(&desk["desk"]))
    }
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .to_owned()
}

fn appending(file: &Path) -> File {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(file).unwrap()
}

/// Runs the program to its end; what it printed.
pub(crate) fn run(args: &[&str]) -> (ExitStatus, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_liandong"))
        .args(args)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8(printed).unwrap())
}

/// Every event of a log such as `310000.intake`, read from its files.
pub(crate) async fn events(data: &Path, log: &str) -> Vec<Recorded> {
    let (region, service) = log.split_once('.').unwrap();
    let dir = data.join("data").join(region).join(service).join("log");
    let (log, _) = SegmentLog::open(&dir, log.parse().unwrap(), &[], &Options::default()).unwrap();
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(Position(0), |last| last.position);
        let page = log.read_all(after, 1_000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}
