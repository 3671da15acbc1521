//! The stored form of every event ever released: a file for each, which is read and written as it was.
//!
//! `LIANDONG_BLESS=1` writes the files that are missing. None is ever overwritten: a changed event
//! gets a new schema and an upcast, and the file of the old one stays.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod fabricate;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::caseteam::{CaseTeam, Seat, TaskOrder};
use domain::directory::organization::Organization;
use domain::directory::region::RegionEntry;
use domain::directory::{Desk, DeskProfile, LogWitness, RuleBook, Worker};
use domain::followup::{Charge, FollowUpPlan};
use domain::intake::Intake;
use domain::keys::{Erasure, GrantTerms, KeyGrant, KeyReceipt, PublishedKey, TextAccess};
use domain::referral::{Assignment, Custody, Referral, RelayWatch, Submission, Terms};
use eventsourcing::testing::envelope;
use eventsourcing::{Aggregate, Checkpoint, Envelope, Fact, Order, decode, encode};
use fabricate::fields;
use serde_json::{Map, Value};
use uuid::Uuid;

#[test]
fn every_event_is_read_and_written_as_in_its_golden_file() {
    let mut read = BTreeSet::new();
    of::<Desk>(&mut read, &[fields::<DeskProfile>()]);
    of::<Organization>(&mut read, &[]);
    of::<RegionEntry>(&mut read, &[]);
    of::<RuleBook>(&mut read, &[]);
    of::<Worker>(&mut read, &[]);
    of::<LogWitness>(&mut read, &[fields::<Checkpoint>()]);
    of::<Intake>(&mut read, &[]);
    let hop = [fields::<Terms>(), fields::<Submission>()];
    of::<Referral>(&mut read, &hop);
    of::<Assignment>(&mut read, &hop);
    of::<Custody>(&mut read, &[]);
    of::<RelayWatch>(&mut read, &hop);
    of::<CaseTeam>(&mut read, &[fields::<Seat>(), fields::<TaskOrder>()]);
    of::<FollowUpPlan>(&mut read, &[fields::<Charge>()]);
    of::<PublishedKey>(&mut read, &[]);
    of::<KeyGrant>(&mut read, &[fields::<GrantTerms>()]);
    of::<KeyReceipt>(&mut read, &[]);
    of::<TextAccess>(&mut read, &[]);
    of::<Erasure>(&mut read, &[]);
    let aggregates = aggregates_of_the_domain();
    assert_eq!(aggregates, 18, "an aggregate has no line above");
    let files = files(&golden());
    let unread: Vec<&PathBuf> = files.difference(&read).collect();
    assert!(unread.is_empty(), "no event is read from {unread:?}");
}

/// Reads the files of one aggregate, adds their names to `read`, and demands one for each variant.
/// `flattened` are the fields of what stands flattened in its events.
fn of<A: Aggregate>(read: &mut BTreeSet<PathBuf>, flattened: &[Map<String, Value>]) {
    let flattened = flattened
        .iter()
        .flatten()
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let folder = golden().join(A::CONTEXT);
    for (name, sample) in fabricate::events::<A::Event>(&flattened) {
        let path = folder.join(format!("{name}.{}.json", A::schema(&name)));
        if !path.exists() {
            let blessed = std::env::var_os("LIANDONG_BLESS").is_some();
            assert!(
                blessed,
                "{} is missing: LIANDONG_BLESS=1 writes it",
                path.display()
            );
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, written(&as_recorded::<A>(&name, &sample))).unwrap();
        }
        for schema in 1..=A::schema(&name) {
            let path = folder.join(format!("{name}.{schema}.json"));
            let bytes = std::fs::read_to_string(&path).unwrap();
            let stored: Envelope = serde_json::from_str(&bytes).unwrap();
            let event = decode::<A>(&stored).unwrap_or_else(|error| panic!("{name}: {error}"));
            if schema == A::schema(&name) {
                let again = encode(&event);
                assert_eq!(again.name, name);
                let data = again.data;
                assert_eq!(written(&Envelope { data, ..stored }), bytes, "{name}");
            }
            assert!(read.insert(path), "two events are called {name}");
        }
    }
}

/// The event in an envelope whose every attribute is always the same.
fn as_recorded<A: Aggregate>(name: &str, event: &A::Event) -> Envelope {
    let base = envelope(&format!("310000.{}", A::CONTEXT), A::KIND, 1);
    let request = Uuid::from_u128(2);
    let caseless = A::CONTEXT == "directory" || A::KIND == PublishedKey::KIND;
    Envelope {
        id: Uuid::from_u128(3),
        event_type: format!("{}.{name}", A::CONTEXT),
        dataschema: format!("urn:liandong:{}.{name}:{}", A::CONTEXT, A::schema(name)),
        caseid: base.caseid.filter(|_| !caseless),
        time: "2026-01-02T03:04:05Z".parse().unwrap(),
        recordedtime: "2026-01-02T03:04:05Z".parse().unwrap(),
        order: Order {
            millis: 1_767_323_045_000,
            counter: 0,
        },
        requestid: request,
        causationid: request,
        rulesversion: event.rules_version().map(str::to_owned),
        data: encode(event).data,
        ..base
    }
}

fn written(envelope: &Envelope) -> String {
    let value = serde_json::to_value(envelope).unwrap();
    serde_json::to_string_pretty(&value).unwrap() + "\n"
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The golden files there are; those of the policies' notes are read where notes are written.
fn files(golden: &Path) -> BTreeSet<PathBuf> {
    let contexts = std::fs::read_dir(golden).unwrap();
    let contexts = contexts.map(|entry| entry.unwrap().path());
    let contexts = contexts.filter(|path| path.is_dir() && !path.ends_with("policy"));
    let files = contexts.flat_map(|context| std::fs::read_dir(context).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// How many types of the domain are aggregates.
fn aggregates_of_the_domain() -> usize {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let source = std::fs::read_to_string(path).unwrap();
                found += source.matches("impl Aggregate for ").count();
            }
        }
    }
    found
}
