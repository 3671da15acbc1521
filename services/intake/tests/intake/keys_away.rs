//! While no key can be had: what is refused needs none, and what was answered is answered again.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ids::KeyId;
use domain::intake::transitions::CommandKind;
use domain::values::Role;
use node::{Hosting, Parts};
use proto::directory::v1 as directory_pb;
use proto::directory::v1::directory_service_client::DirectoryServiceClient;
use proto::intake::v1 as pb;
use proto::intake::v1::record_contact_request::Matter;
use service_runtime::Service;
use tonic::Code;
use uuid::Uuid;

use crate::asked::{Asked, giver, ready};
use crate::fixture::{Carries, Fixture, field_at_fault, refusal, shanghai};
use vault::{DataKeys, DataKeysError, LeasedKey, LocalKeys, Sealer};

type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, DataKeysError>> + Send + 'a>>;

/// Of each test its own.
static AWAY: [AtomicBool; 2] = [AtomicBool::new(true), AtomicBool::new(false)];

/// The region's keys, which may be away: then none can be had, not even one that is in use.
struct Keys<const TEST: usize>(LocalKeys);

impl<const TEST: usize> Keys<TEST> {
    fn away() -> bool {
        AWAY[TEST].load(Ordering::SeqCst)
    }
}

impl<const TEST: usize> DataKeys for Keys<TEST> {
    fn lease(&self, count: usize) -> Later<'_, Vec<LeasedKey>> {
        if Self::away() {
            return Box::pin(async { Err(DataKeysError::Away("for this test".to_owned())) });
        }
        // A few at a time: they are soon used up.
        self.0.lease(count.min(4))
    }

    fn is_retired(&self, id: KeyId) -> bool {
        Self::away() || self.0.is_retired(id)
    }
}

fn assemble<const TEST: usize>(parts: Parts) -> Service {
    let clock = parts.ports.clock.clock().clone();
    let keys: Keys<TEST> = Keys(LocalKeys::new(parts.key_store(), clock));
    let log = parts.log();
    let sealer = Sealer::new(Arc::new(keys));
    intake::service(&parts.ports, log, parts.directory, sealer)
}

fn hosting<const TEST: usize>() -> Hosting {
    Hosting {
        assemble: assemble::<TEST>,
        ..intake::HOSTING
    }
}

/// A contact that is no case and has no words in it.
async fn silent_call(desk: &mut Fixture) -> String {
    let mut contact = desk.call();
    contact.number.clear();
    let (kind, note) = (pb::NonCase::Silent.into(), String::new());
    contact.matter = Some(Matter::NoCase(pb::NoMatter { kind, note }));
    let request = desk.worker().request(contact);
    let answer = desk.client.record_contact(request).await.unwrap();
    answer.result().id
}

#[tokio::test]
async fn what_is_refused_or_only_validated_needs_no_key() {
    let mut desk = Fixture::start_with(hosting::<0>()).await;
    let mut client = desk.client.clone();
    let worker = desk.worker();
    let stranger = desk.china.caller("central-duty", Role::Worker).unwrap();
    let call = Asked::good(CommandKind::RecordContact, &desk, "").unwrap();
    let sealed = call.clone().send(&mut client, Some(&worker)).await;
    assert_eq!(refusal(sealed), (Code::Unavailable, "NO_KEYS".to_owned()));

    let refused = call.clone().send(&mut client, Some(&stranger)).await;
    let other = (Code::PermissionDenied, "OTHER_ORGANIZATION".to_owned());
    assert_eq!(refusal(refused), other);
    let late_field = call.clone().with(|asked| {
        if let Asked::RecordContact(contact) = asked {
            contact.matter = None;
        }
    });
    let refused = late_field.send(&mut client, Some(&worker)).await;
    assert_eq!(field_at_fault(refused), "matter");
    let checked = call.with(|asked| asked.meta().validate_only = true);
    checked.send(&mut client, Some(&worker)).await.unwrap();

    let none = silent_call(&mut desk).await;
    let unknown = format!("310000-{}", Uuid::now_v7());
    for (id, who, code) in [
        (&none, &worker, Code::FailedPrecondition),
        (&unknown, &worker, Code::NotFound),
        (&none, &stranger, Code::PermissionDenied),
        (&unknown, &stranger, Code::PermissionDenied),
    ] {
        let mark = Asked::good(CommandKind::MarkSafety, &desk, id).unwrap();
        let refused = mark.send(&mut client, Some(who)).await;
        assert_eq!(refusal(refused).0, code);
    }
    desk.stop().await;
}

/// Records contacts until no key is left that was had ahead; the one that could not be recorded.
async fn use_up_the_keys(desk: &mut Fixture) -> Asked {
    let (mut client, worker) = (desk.client.clone(), desk.worker());
    for _ in 0..200 {
        let call = Asked::good(CommandKind::RecordContact, desk, "").unwrap();
        let answer = call.clone().send(&mut client, Some(&worker)).await;
        if answer.is_err() {
            assert_eq!(refusal(answer), (Code::Unavailable, "NO_KEYS".to_owned()));
            return call;
        }
    }
    panic!("there is no end of keys");
}

async fn close_the_desk(desk: &Fixture) {
    let administrator = desk.china.caller("sh-admin", Role::Administrator).unwrap();
    let close = directory_pb::CloseDeskRequest {
        meta: desk.meta(),
        desk_id: desk.desk(),
    };
    let url = desk.system.url(shanghai());
    let mut directory = DirectoryServiceClient::connect(url).await.unwrap();
    directory
        .close_desk(administrator.request(close))
        .await
        .unwrap();
    desk.settle().await;
}

#[tokio::test]
async fn a_repeat_is_answered_though_the_keys_are_away_and_the_desk_has_closed() {
    let mut desk = Fixture::start_with(hosting::<1>()).await;
    let mut client = desk.client.clone();
    let mut given = Vec::new();
    for kind in [
        CommandKind::RecordContact,
        CommandKind::TriageIntake,
        CommandKind::MarkSafety,
        CommandKind::PlanCallback,
        CommandKind::ProposeReferral,
    ] {
        let (id, _) = ready(&mut desk, kind).await;
        let asked = Asked::good(kind, &desk, &id).unwrap();
        let who = giver(kind, &desk);
        let first = asked.clone().send(&mut client, Some(&who)).await.unwrap();
        given.push((asked, who, first));
    }
    AWAY[1].store(true, Ordering::SeqCst);
    let worker = desk.worker();
    let new = use_up_the_keys(&mut desk).await;
    close_the_desk(&desk).await;
    let refused = new.send(&mut client, Some(&worker)).await;
    assert_eq!(field_at_fault(refused), "desk_id");

    let head = desk.log().head();
    for (asked, who, first) in given {
        let again = asked.send(&mut client, Some(&who)).await.unwrap();
        assert!(again.repeated);
        assert_eq!((again.id, again.events), (first.id, first.events));
    }
    assert_eq!(desk.log().head(), head);
    desk.stop().await;
}
