//! The keys service of three regions, over real gRPC, logs and key stores.
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod cases;
mod erasing;
mod reading;
mod world;

use domain::caseteam::CaseTeam;
use domain::sealed::{PersonRole, SealedClass};
use eventsourcing::{Aggregate, ScopedId, StreamId};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use vault::SealingPlace;

use cases::Case;

/// Where the narrative stands in a `ContactRecorded`.
const NARRATIVE: &str = "contact.matter.Concern.narrative";

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, why: &str) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (code, why.to_owned()));
    let details = status.get_error_details();
    let zh = &details.localized_message().unwrap().message;
    assert!(!zh.is_ascii(), "{zh}");
}

fn team_place(case: &Case, region: &str, role: PersonRole) -> SealingPlace {
    let team = ScopedId::new(region.parse().unwrap(), case.id.0.uuid);
    SealingPlace {
        case: case.id,
        stream: StreamId::new(CaseTeam::KIND, team),
        event: "TaskDone",
        field: "evidence",
        role,
        class: SealedClass::Narrative,
    }
}
