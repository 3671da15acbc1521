//! What tests need: a reference model of the log, contract suites for the ports, given/when/then.

mod altered_log;
pub mod contract;
mod memory_log;
mod memory_rows;
mod scenario;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::actor::Actor;
use crate::chain::Hash;
use crate::envelope::{Body, Envelope};
use crate::ids::{LogId, ScopedId, StreamId, Version};
use crate::log::{Append, Write};
use crate::order::Order;

pub use altered_log::AlteredLog;
pub use memory_log::MemoryLog;
pub use memory_rows::MemoryRows;
pub use scenario::{Scenario, Then, given};

/// A complete envelope for stream number `stream` of `log`, at `version`.
///
/// # Panics
/// If `log` is not the name of a log.
pub fn envelope(log: &str, kind: &str, version: u64) -> Envelope {
    let log: LogId = log.parse().expect("the test names a log");
    let request = Uuid::now_v7();
    Envelope {
        specversion: "1.0".to_owned(),
        id: Uuid::now_v7(),
        source: format!("/{}/{}", log.region, log.context),
        event_type: format!("{}.Noted", log.context),
        dataschema: format!("urn:liandong:{}.Noted:1", log.context),
        datacontenttype: "application/json".to_owned(),
        subject: StreamId::new(kind, ScopedId::new(log.region, Uuid::nil())),
        region: log.region,
        context: log.context,
        caseid: Some(ScopedId::new(log.region, Uuid::from_u128(1))),
        version: Version(version),
        time: Timestamp::UNIX_EPOCH,
        recordedtime: Timestamp::UNIX_EPOCH,
        order: Order {
            millis: 0,
            counter: 0,
        },
        actor: Actor::person("p-1", "o-1", "worker"),
        onbehalfof: None,
        requestid: request,
        requestdigest: Hash::of(b""),
        correlationid: Uuid::from_u128(1),
        causationid: request,
        rulesversion: None,
        traceparent: None,
        data: json!({}),
    }
}

/// An append of `count` events to stream number `stream` of `log`, which is expected at `expected`.
///
/// # Panics
/// If `log` is not the name of a log.
pub fn append(log: &str, stream: u128, expected: u64, count: u64) -> Append {
    let log: LogId = log.parse().expect("the test names a log");
    let request = Uuid::now_v7();
    let id = ScopedId::new(log.region, Uuid::from_u128(stream));
    let stream = StreamId::new("note", id);
    let events = (1..=count).map(|n| {
        let envelope = Envelope {
            subject: stream.clone(),
            requestid: request,
            causationid: request,
            ..envelope(&log.to_string(), "note", expected + n)
        };
        Body::seal(&envelope).expect("the test's envelope is complete")
    });
    let write = Write {
        stream: stream.clone(),
        expected: Version(expected),
        events: events.collect(),
    };
    Append {
        request,
        writes: vec![write],
    }
}
