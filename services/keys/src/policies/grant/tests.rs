//! The policy at work: keys are delivered once, when they can be, and only those of the case.

use domain::sealed::{PersonRole, SealedClass};
use eventsourcing::testing::{MemoryRows, envelope};
use eventsourcing::{Body, Commit, Envelope, Hash, Position, ProjectionStore, ScopedId, StreamId};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;
use vault::{RegionKey, SealingPlace, seal};

use super::*;

const SHANGHAI: &str = "310000";
const QINGDAO: &str = "370200";

fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn case() -> CaseId {
    CaseId::new(region(SHANGHAI), Uuid::from_u128(1))
}

fn open_store(root: &TempDir, code: &str) -> KeyStore {
    let (data, path) = (
        root.path().join(code),
        root.path().join(format!("{code}.key")),
    );
    let key = RegionKey::read_or_create(&path, &data, &data).unwrap();
    KeyStore::open(&data, region(code), &key).unwrap()
}

/// Shanghai's policy, on a key store of its own.
struct Policing {
    root: TempDir,
    policy: GrantKeys,
    rows: Arc<dyn ProjectionStore>,
}

impl Policing {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Arc::new(open_store(&root, SHANGHAI));
        Self {
            root,
            policy: GrantKeys {
                region: region(SHANGHAI),
                logs: Vec::new(),
                store,
            },
            rows: Arc::new(MemoryRows::default()),
        }
    }

    /// The streams that the policy commands because of an event.
    fn react(&self, event: &Recorded) -> Vec<StreamId> {
        let mut rows = Rows::new(self.rows.clone());
        let steps = self.policy.react(event, &mut rows).unwrap();
        let changes = rows.into_changes();
        let checkpoint = None;
        self.rows
            .commit(Commit {
                changes,
                checkpoint,
            })
            .unwrap();
        steps.iter().map(|step| step.stream().clone()).collect()
    }

    fn sealed_summary(&self) -> Value {
        let minted = self
            .policy
            .store
            .mint(1, Timestamp::UNIX_EPOCH)
            .unwrap()
            .remove(0);
        let place = SealingPlace {
            case: case(),
            stream: StreamId::new("intake", case().0),
            event: "Noted",
            field: "summary",
            role: PersonRole::Subject,
            class: SealedClass::Summary,
        };
        serde_json::to_value(seal(&place, minted.id, &minted.key, "text").unwrap()).unwrap()
    }
}

fn event(log: &str, kind: &str, name: &str, case: Option<ScopedId>, data: Value) -> Recorded {
    let envelope = envelope(log, kind, 1);
    let event_type = format!("{}.{name}", envelope.context);
    let body = Body::seal(&Envelope {
        dataschema: format!("urn:liandong:{event_type}:1"),
        event_type,
        caseid: case,
        data,
        ..envelope
    });
    Recorded::read(Position(1), Hash::of(b""), body.unwrap()).unwrap()
}

fn text(summary: &Value) -> Recorded {
    event(
        "310000.intake",
        "intake",
        "Noted",
        Some(case().0),
        json!({ "summary": summary }),
    )
}

fn grant_by_person() -> Recorded {
    let data = json!({
        "case": case(), "to": QINGDAO, "classes": ["Summary"], "basis": "ConsentSelf",
        "reason": null, "purpose": "CaseHandling", "expires_at": "2100-01-01T00:00:00Z",
        "keys": [],
    });
    event(
        "310000.keys",
        KeyGrant::KIND,
        "KeysGranted",
        Some(case().0),
        data,
    )
}

fn published(root: &TempDir) -> Recorded {
    let public_key = open_store(root, QINGDAO).public_key().to_string();
    let data = json!({ "region": QINGDAO, "public_key": public_key });
    event(
        "370200.keys",
        PublishedKey::KIND,
        "RegionKeyPublished",
        None,
        data,
    )
}

fn to_qingdao() -> StreamId {
    let grant = KeyGrant::id(region(SHANGHAI), case(), region(QINGDAO));
    StreamId::new(KeyGrant::KIND, grant.0)
}

#[test]
fn keys_owed_before_the_receivers_public_key_is_known_are_delivered_when_it_is() {
    let policing = Policing::new();
    assert_eq!(policing.react(&text(&policing.sealed_summary())), []);
    assert_eq!(policing.react(&grant_by_person()), []);
    let published = published(&policing.root);
    assert_eq!(policing.react(&published), [to_qingdao()]);
}

#[test]
fn a_key_that_opens_no_text_of_the_case_is_not_granted() {
    let policing = Policing::new();
    policing.react(&published(&policing.root));
    policing.react(&grant_by_person());
    let mut named = policing.sealed_summary();
    named["ciphertext"] = json!("00");
    assert_eq!(policing.react(&text(&named)), []);
    assert_eq!(
        policing.react(&text(&policing.sealed_summary())),
        [to_qingdao()]
    );
}

#[test]
fn a_key_destroyed_meanwhile_is_left_out() {
    let policing = Policing::new();
    let summary = policing.sealed_summary();
    policing.react(&text(&summary));
    policing.react(&grant_by_person());
    let key = serde_json::from_value(summary["key"].clone()).unwrap();
    policing.policy.store.destroy(case(), &[key]).unwrap();
    assert_eq!(policing.react(&published(&policing.root)), []);
}
