//! `case show`: one case at a glance, and the histories it consists of.

use domain::ids::CaseId;
use proto::timeline::v1 as pb;
use serde::Serialize;

use super::list::{self, Case};
use super::replay::{self, Aggregate, Replayed};
use super::service;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, Screen};

pub(super) const JSON: &str = "\
JSON: {case: as an element of `case list`, replay: as of `case replay`}.";

/// A case and its present state, as programs get it.
#[derive(Debug, Serialize)]
struct Shown {
    case: Case,
    replay: Replayed,
}

pub(super) async fn run(client: &Client, case: CaseId, screen: Screen) -> Result<(), Failure> {
    let request = client.request(pb::GetCaseRequest {
        case_id: case.to_string(),
        ..pb::GetCaseRequest::default()
    });
    let got = service(client).get_case(request).await;
    let got = got.map_err(|status| client.refused(&status))?.into_inner();
    let shown = Shown {
        case: got.case.unwrap_or_default().into(),
        replay: replay::replay(client, case, None).await?,
    };
    match screen.output {
        Output::Json => screen.json(&shown),
        Output::Table => print(&shown, screen),
    }
}

fn print(shown: &Shown, screen: Screen) -> Result<(), Failure> {
    for ((zh, en), value) in list::HEADINGS.iter().zip(shown.case.row(screen.lang)) {
        let heading = screen.lang.pick(zh, en);
        screen.line(&format!("{heading}: {value}"))?;
    }
    let rows = shown.replay.aggregates.iter().map(Aggregate::row);
    let histories = screen.table(replay::HEADINGS, rows.collect());
    screen.line(&format!("\n{histories}"))
}
