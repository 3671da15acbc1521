//! Each (phase, command, role) that the table does not have, over the wire.

use domain::intake::IntakeRejection;
use domain::intake::transitions::{CommandKind, Part, Phase, TRANSITIONS};
use domain::values::{Role, Term};
use eventsourcing::{Rejected, Rejection};
use tonic::Code;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::asked::{Asked, giver};
use crate::fixture::{Carries, Fixture, refusal};

/// Everybody at the desk, by their only role in which they act here.
const PEOPLE: [(&str, Role); 6] = [
    ("sh-worker", Role::Worker),
    ("sh-supervisor", Role::Supervisor),
    ("sh-authorised", Role::Authorised),
    ("sh-visitor", Role::Visitor),
    ("sh-auditor", Role::Auditor),
    ("sh-admin", Role::Administrator),
];

fn part(role: Role) -> Option<Part> {
    match role {
        Role::Worker => Some(Part::Worker),
        Role::Supervisor => Some(Part::Supervisor),
        _ => None,
    }
}

/// What is done about a contact until it has come so far.
fn steps(phase: Phase) -> &'static [CommandKind] {
    use CommandKind::{EndWithoutCase, KeepCaseHere, OpenCase, TriageIntake};
    match phase {
        Phase::NotRecorded | Phase::NoCase | Phase::AwaitingTriage => &[],
        Phase::Triaged => &[TriageIntake],
        Phase::Open => &[TriageIntake, OpenCase],
        Phase::KeptHere => &[TriageIntake, OpenCase, KeepCaseHere],
        Phase::Ended => &[TriageIntake, EndWithoutCase],
    }
}

async fn intake_in(desk: &mut Fixture, phase: Phase) -> String {
    let mut contact = desk.call();
    match phase {
        Phase::NotRecorded => return format!("310000-{}", Uuid::now_v7()),
        Phase::NoCase => {
            let (kind, note) = (1, String::new());
            let nothing = proto::intake::v1::NoMatter { kind, note };
            contact.matter = Some(proto::intake::v1::record_contact_request::Matter::NoCase(
                nothing,
            ));
        }
        _ => {}
    }
    let request = desk.worker().request(contact);
    let id = desk
        .client
        .record_contact(request)
        .await
        .unwrap()
        .result()
        .id;
    for step in steps(phase) {
        let asked = Asked::good(*step, desk, &id).unwrap();
        let who = giver(*step, desk);
        asked.send(&mut desk.client, Some(&who)).await.unwrap();
    }
    id
}

/// What the table says of somebody with this role: `None` if it has the cell.
fn no(phase: Phase, kind: CommandKind, role: Role) -> Option<(Code, Rejected)> {
    let forbidden = || {
        let command = kind;
        IntakeRejection::NotAllowed(domain::transitions::NotAllowed::Forbidden { command })
    };
    let Some(part) = part(role) else {
        return Some((Code::PermissionDenied, forbidden().into()));
    };
    let never = |(_, what, who): &&(Phase, CommandKind, Part)| (*what, *who) == (kind, part);
    if TRANSITIONS.0.iter().find(never).is_none() {
        return Some((Code::PermissionDenied, forbidden().into()));
    }
    if TRANSITIONS.0.contains(&(phase, kind, part)) {
        return None;
    }
    if phase == Phase::NotRecorded {
        return Some((Code::NotFound, IntakeRejection::NotFound.into()));
    }
    let wrong = IntakeRejection::from(TRANSITIONS.wrong_state(phase, kind, part));
    assert_eq!(wrong.reason(), "WRONG_STATE");
    Some((Code::FailedPrecondition, wrong.into()))
}

#[tokio::test]
async fn each_illegal_cell_is_refused_over_the_wire() {
    let mut desk = Fixture::start().await;
    let mut cells = 0;
    for phase in Phase::ALL.iter().copied() {
        let id = intake_in(&mut desk, phase).await;
        let head = desk.log().head();
        for kind in CommandKind::ALL.iter().copied() {
            // A contact is new each time: it is in no other phase.
            if kind == CommandKind::RecordContact && phase != Phase::NotRecorded {
                continue;
            }
            let Some(asked) = Asked::good(kind, &desk, &id) else {
                continue;
            };
            for (code, role) in PEOPLE {
                let Some((status, why)) = no(phase, kind, role) else {
                    continue;
                };
                let who = desk.china.caller(code, role).unwrap();
                let answer = asked.clone().send(&mut desk.client, Some(&who)).await;
                let cell = format!("{phase:?} {kind:?} {role:?}");
                let refused = answer.clone().expect_err(&cell);
                assert_eq!(refusal(answer), (status, why.reason.to_owned()), "{cell}");
                assert_eq!(refused.message(), why.en, "{cell}");
                let details = refused.get_error_details();
                assert_eq!(
                    details.localized_message().unwrap().message,
                    why.zh,
                    "{cell}"
                );
                let metadata = &details.error_info().unwrap().metadata;
                let allowed = metadata.get("allowed").cloned().unwrap_or_default();
                assert_eq!(allowed, why.allowed.join(","), "{cell}");
                cells += 1;
            }
        }
        assert_eq!(desk.log().head(), head, "{phase:?}");
    }
    assert!(cells > 400, "only {cells} cells");
    desk.stop().await;
}
