//! Every command of the intake, asked badly in every way, well, twice, and with what has changed.

use std::collections::BTreeSet;

use domain::intake::transitions::CommandKind;
use domain::values::{Role, Term};
use node::client::Caller;
use proto::types::v1::CommandResult;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::asked::{Asked, giver, ready};
use crate::contract::rpcs;
use crate::fixture::{Fixture, field_at_fault, refusal};
use crate::spoilt::{otherwise, spoilt};

/// Sends what must be refused, and sees that nothing was written.
async fn refused(
    desk: &mut Fixture,
    who: Option<&Caller>,
    asked: Asked,
) -> Result<CommandResult, Status> {
    let head = desk.log().head();
    let mut client = desk.client.clone();
    let kind = format!("{asked:.40?}");
    let answer = asked.send(&mut client, who).await;
    assert!(answer.is_err(), "it is refused: {kind}");
    assert_eq!(desk.log().head(), head, "{kind}");
    answer
}

/// A foreign desk's worker, who may give no command here.
fn stranger(desk: &Fixture) -> Caller {
    desk.china.caller("central-duty", Role::Worker).unwrap()
}

#[test]
fn every_rpc_of_the_contract_is_a_command_of_the_table_by_its_name() {
    let callable: BTreeSet<&str> = CommandKind::ALL
        .iter()
        .filter(|kind| {
            !matches!(
                kind,
                CommandKind::ExpireConsent
                    | CommandKind::MarkFirstActionMissed
                    | CommandKind::MarkCallbackMissed
                    | CommandKind::HandOver
            )
        })
        .map(|kind| kind.name())
        .collect();
    let commands: BTreeSet<&str> = rpcs()
        .into_iter()
        .filter(|rpc| !rpc.starts_with("Get") && !rpc.starts_with("List"))
        .collect();
    assert_eq!(callable, commands);
}

#[tokio::test]
async fn every_command_names_what_is_wrong_with_it_and_leaves_nothing_behind() {
    let mut desk = Fixture::start().await;
    for kind in CommandKind::ALL.iter().copied() {
        let (id, _) = ready(&mut desk, kind).await;
        let Some(good) = Asked::good(kind, &desk, &id) else {
            continue;
        };
        let who = giver(kind, &desk);
        let nobody = refused(&mut desk, None, good.clone()).await;
        let missing = (Code::Unauthenticated, "ACTOR_MISSING".to_owned());
        assert_eq!(refusal(nobody), missing, "{kind:?}");

        let tomorrow = desk.in_minutes(24 * 60);
        let yesterday = desk.in_minutes(-24 * 60);
        let mut bad: Vec<(&str, Asked)> = vec![
            (
                "meta",
                good.clone().with(|asked| *asked.meta_field() = None),
            ),
            (
                "meta.request_id",
                good.clone().with(|asked| asked.meta().request_id.clear()),
            ),
            (
                "meta.request_id",
                good.clone()
                    .with(|asked| asked.meta().request_id = "7".into()),
            ),
            (
                "meta.request_id",
                good.clone()
                    .with(|asked| asked.meta().request_id = Uuid::new_v4().to_string()),
            ),
            (
                "meta.etag",
                good.clone().with(|asked| asked.meta().etag = "new".into()),
            ),
            (
                "meta.on_behalf_of",
                good.clone()
                    .with(|asked| asked.meta().on_behalf_of = "7".into()),
            ),
            (
                "meta.occurred_at",
                good.clone()
                    .with(|asked| asked.meta().occurred_at = tomorrow),
            ),
            // However small the command itself may be.
            (
                "request",
                good.clone()
                    .with(|asked| asked.meta().etag = "1".repeat(256 * 1024)),
            ),
        ];
        if kind != CommandKind::RecordContact {
            bad.push((
                "meta.occurred_at",
                good.clone()
                    .with(|asked| asked.meta().occurred_at = yesterday),
            ));
            let foreign = [
                "7".to_owned(),
                format!("999999-{}", Uuid::now_v7()),
                format!("100000-{}", Uuid::now_v7()),
            ];
            for id in foreign {
                bad.push((
                    "intake_id",
                    good.clone().with(|asked| *asked.intake_id().unwrap() = id),
                ));
            }
        }
        for (field, change) in spoilt(kind) {
            bad.push((field, good.clone().with(change)));
        }
        for (field, asked) in bad {
            let answer = refused(&mut desk, Some(&who), asked).await;
            assert_eq!(field_at_fault(answer), field, "{kind:?}");
        }
        // Nothing else was wrong with it.
        good.send(&mut desk.client, Some(&who)).await.unwrap();
    }
    desk.stop().await;
}

#[tokio::test]
async fn who_may_not_give_a_command_learns_nothing_of_what_there_is() {
    let mut desk = Fixture::start().await;
    let stranger = stranger(&desk);
    for kind in CommandKind::ALL.iter().copied() {
        let (known, etag) = ready(&mut desk, kind).await;
        let Some(good) = Asked::good(kind, &desk, &known) else {
            continue;
        };
        let unknown = format!("310000-{}", Uuid::now_v7());
        let mut said = BTreeSet::new();
        for id in [known, unknown.clone()] {
            for seen in ["", "0", "99", &etag] {
                let asked = good.clone().with(|asked| {
                    asked.meta().etag = seen.to_owned();
                    if let Some(field) = asked.intake_id() {
                        field.clone_from(&id);
                    }
                });
                let answer = refused(&mut desk, Some(&stranger), asked).await;
                let status = answer.unwrap_err();
                assert_eq!(status.code(), Code::PermissionDenied, "{kind:?}: {status}");
                said.insert((status.message().to_owned(), status.details().to_vec()));
            }
        }
        assert_eq!(said.len(), 1, "{kind:?}");
        if kind == CommandKind::RecordContact {
            continue;
        }
        // The desk's own people are told that there is no such intake.
        let who = giver(kind, &desk);
        let asked = good.with(|asked| *asked.intake_id().unwrap() = unknown);
        let answer = refused(&mut desk, Some(&who), asked).await;
        let not_found = (Code::NotFound, "INTAKE_NOT_FOUND".to_owned());
        assert_eq!(refusal(answer), not_found, "{kind:?}");
    }
    desk.stop().await;
}

#[tokio::test]
async fn every_command_is_done_once_however_often_it_is_sent() {
    let mut desk = Fixture::start().await;
    for kind in CommandKind::ALL.iter().copied() {
        let (id, etag) = ready(&mut desk, kind).await;
        let Some(good) = Asked::good(kind, &desk, &id) else {
            continue;
        };
        let who = giver(kind, &desk);
        let mut client = desk.client.clone();
        let seen = if kind == CommandKind::RecordContact {
            String::new()
        } else {
            etag
        };
        let stale = good
            .clone()
            .with(|asked| asked.meta().etag = "99".to_owned());
        let answer = refused(&mut desk, Some(&who), stale.clone()).await;
        let changed = (Code::Aborted, "CHANGED_MEANWHILE".to_owned());
        assert_eq!(refusal(answer), changed, "{kind:?}");

        let head = desk.log().head();
        let checked = good.clone().with(|asked| asked.meta().validate_only = true);
        checked.send(&mut client, Some(&who)).await.unwrap();
        assert_eq!(desk.log().head(), head, "{kind:?}");

        let first = good.clone().with(|asked| asked.meta().etag = seen);
        let first = first.send(&mut client, Some(&who)).await.unwrap();
        assert!(!first.repeated && !first.events.is_empty(), "{kind:?}");
        let head = desk.log().head();
        for again in [good.clone(), stale] {
            let again = again.send(&mut client, Some(&who)).await.unwrap();
            assert!(again.repeated, "{kind:?}");
            assert_eq!(
                (again.events, again.etag),
                (first.events.clone(), first.etag.clone())
            );
        }
        assert_eq!(desk.log().head(), head, "{kind:?}");
        let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
        let other = good.clone().with(otherwise(kind));
        assert_eq!(
            refusal(refused(&mut desk, Some(&who), other).await),
            reused,
            "{kind:?}"
        );
        let somebody_else = desk
            .china
            .caller("sh-authorised", Role::Authorised)
            .unwrap();
        let answer = refused(&mut desk, Some(&somebody_else), good).await;
        assert_eq!(refusal(answer), reused, "{kind:?}");
    }
    desk.stop().await;
}
