//! Clients that nobody here wrote: Python's grpcio and buf drive the services over their sockets.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod buf;
mod python;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use acceptance::World;
use domain::values::Role;
use serde_json::{Value, json};

/// Who calls in these tests, by the codes of the reference data.
const CALLERS: [(&str, Role); 6] = [
    ("central-auditor", Role::Auditor),
    ("sh-worker", Role::Worker),
    ("sh-supervisor", Role::Supervisor),
    ("qd-worker", Role::Worker),
    ("qd-authorised", Role::Authorised),
    ("central-admin", Role::Administrator),
];

/// How long a foreign client may take for one call, or to tell of something.
const CLIENT_WITHIN: Duration = Duration::from_mins(2);

/// What a client said; one that takes too long is killed.
fn output(mut client: Command) -> Output {
    let client = client.stdout(Stdio::piped()).stderr(Stdio::piped());
    let client = client.spawn().unwrap();
    let id = client.id().to_string();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(client.wait_with_output()));
    let told = tokio::task::block_in_place(|| told.recv_timeout(CLIENT_WITHIN));
    let Ok(output) = told else {
        Command::new("kill").args(["-9", &id]).status().unwrap();
        panic!("no answer within {CLIENT_WITHIN:?}");
    };
    output.unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A tool that `tests/run` has fetched.
fn tool(variable: &str, name: &str) -> PathBuf {
    let fetched = root().join("target/tools/python/bin").join(name);
    let path = std::env::var_os(variable).map_or(fetched, PathBuf::from);
    assert!(
        path.exists(),
        "{} is missing: run tests/run once, it fetches it",
        path.display()
    );
    path
}

/// Ids of the reference data as a foreign client gets them: by configuration.
fn configuration(world: &World) -> Value {
    let urls: serde_json::Map<String, Value> = world
        .system
        .regions()
        .map(|region| {
            let address = world.system.url(region).replace("http://", "");
            (region.to_string(), json!(address))
        })
        .collect();
    let callers: serde_json::Map<String, Value> = CALLERS
        .iter()
        .map(|(code, role)| {
            let caller = world.cast.caller(code, *role).unwrap();
            let ids = json!({
                "person": caller.person, "organization": caller.organization, "role": caller.role,
            });
            ((*code).to_owned(), ids)
        })
        .collect();
    let desks: serde_json::Map<String, Value> = ["sh-12355", "qd-12355", "central-relay"]
        .iter()
        .map(|code| {
            let desk = world.cast.desk(code).unwrap();
            let ids = json!({
                "organization_id": desk.organization.to_string(), "desk_id": desk.desk.to_string(),
            });
            ((*code).to_owned(), ids)
        })
        .collect();
    json!({ "urls": urls, "callers": callers, "desks": desks })
}
