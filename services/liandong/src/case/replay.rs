//! `case replay`: every aggregate of a case as it stood at a moment.

use domain::ids::CaseId;
use proto::timeline::v1 as pb;
use serde::Serialize;
use serde_json::Value;

use super::service;
use crate::client::Client;
use crate::failure::Failure;
use crate::moment::{beijing, rfc3339};
use crate::output::{self, Heading, Output, Screen};

pub(super) const JSON: &str = "\
JSON: {case_id, as_of, events, aggregates: [{stream, log, version, last_event_type,
last_recorded_at, state}]}; `state` is the aggregate as the rules see it, texts sealed; times are
RFC 3339 in UTC.";

/// A case as of a moment, as programs get it.
#[derive(Debug, Serialize)]
pub(super) struct Replayed {
    case_id: String,
    as_of: Option<String>,
    events: u64,
    pub(super) aggregates: Vec<Aggregate>,
    #[serde(skip)]
    as_of_shown: String,
}

/// One aggregate as of that moment.
#[derive(Debug, Serialize)]
pub(super) struct Aggregate {
    stream: String,
    log: String,
    version: u64,
    last_event_type: String,
    last_recorded_at: Option<String>,
    state: Value,
    #[serde(skip)]
    last_recorded_shown: String,
}

pub(super) const HEADINGS: &[Heading] = &[
    ("历史", "STREAM"),
    ("日志", "LOG"),
    ("版本", "VERSION"),
    ("最近事件", "LAST EVENT"),
    ("记录时间", "RECORDED"),
];

impl Aggregate {
    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.stream.clone(),
            self.log.clone(),
            self.version.to_string(),
            self.last_event_type.clone(),
            self.last_recorded_shown.clone(),
        ]
    }
}

pub(super) async fn run(
    client: &Client,
    case: CaseId,
    as_of: Option<prost_types::Timestamp>,
    screen: Screen,
) -> Result<(), Failure> {
    let replayed = replay(client, case, as_of).await?;
    match screen.output {
        Output::Json => output::json(&replayed),
        Output::Table => print(&replayed, screen),
    }
}

pub(super) async fn replay(
    client: &Client,
    case: CaseId,
    as_of: Option<prost_types::Timestamp>,
) -> Result<Replayed, Failure> {
    let request = client.request(pb::ReplayCaseRequest {
        case_id: case.to_string(),
        as_of,
    });
    let _reading = client.reading();
    let replayed = service(client).replay_case(request).await;
    let replayed = replayed
        .map_err(|status| client.refused(&status))?
        .into_inner();
    let aggregates = replayed.aggregates.into_iter().map(aggregate);
    Ok(Replayed {
        case_id: case.to_string(),
        as_of: rfc3339(replayed.as_of),
        events: replayed.events,
        aggregates: aggregates.collect::<Result<_, _>>()?,
        as_of_shown: beijing(replayed.as_of),
    })
}

fn aggregate(of: pb::AggregateState) -> Result<Aggregate, Failure> {
    let state = serde_json::from_str(&of.state_json).map_err(|error| {
        let stream = &of.stream;
        Failure::failed(format!(
            "the state of {stream} is unreadable: {error}; use a program as new as the service"
        ))
    })?;
    Ok(Aggregate {
        stream: of.stream,
        log: of.log,
        version: of.version,
        last_event_type: of.last_event_type,
        last_recorded_at: rfc3339(of.last_recorded_at),
        state,
        last_recorded_shown: beijing(of.last_recorded_at),
    })
}

/// The histories as a table, then the state of each.
fn print(replayed: &Replayed, screen: Screen) -> Result<(), Failure> {
    let at = &replayed.as_of_shown;
    let as_of = screen.lang.pick("截至", "as of");
    output::line(&format!("{}  {as_of} {at}\n", replayed.case_id))?;
    let rows = replayed.aggregates.iter().map(Aggregate::row).collect();
    output::line(&screen.table(HEADINGS, rows))?;
    for aggregate in &replayed.aggregates {
        let state = serde_json::to_string_pretty(&aggregate.state).expect("JSON can be written");
        output::line(&format!("\n{}\n{state}", aggregate.stream))?;
    }
    Ok(())
}
