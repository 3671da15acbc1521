//! Every key of an erased case is destroyed and named, in whatever order it is heard of, and whatever
//! is lost on the way.

use domain::ids::GrantId;
use domain::intake::AgeBand;
use domain::keys::{ErasureGround, KeyGrant, KnownCase, Purpose};
use domain::sealed::{PersonRole, SealedClass};
use eventsourcing::testing::{MemoryLog, MemoryRows, envelope};
use eventsourcing::{
    Actor, Body, CommandHandler, Commit, Envelope, EventLog, Hash, HybridClock, Position,
    ProjectionStore, RequestContext, ScopedId, StreamId, VirtualClock, policy_request_id,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;
use vault::{GrantPlace, LeasedKey, RegionKey, SealingPlace, seal};

use super::super::ReceiveKeys;
use super::*;

const SHANGHAI: &str = "310000";
const QINGDAO: &str = "370200";
const BEIJING: &str = "110000";

fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(work)
}

/// A case of Shanghai.
fn case() -> CaseId {
    CaseId::new(region(SHANGHAI), Uuid::from_u128(1))
}

/// One region's policy, on its own key store, rows and log.
struct Keeper {
    root: TempDir,
    policy: EraseKeys,
    rows: Arc<dyn ProjectionStore>,
    log: Arc<MemoryLog>,
}

impl Keeper {
    fn new(code: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let log = Arc::new(MemoryLog::new(LogId::new(region(code), "keys")));
        Self {
            policy: EraseKeys {
                region: region(code),
                logs: Vec::new(),
                store: Arc::new(open_store(&root, code)),
            },
            root,
            rows: Arc::new(MemoryRows::default()),
            log,
        }
    }

    fn store(&self) -> &Arc<KeyStore> {
        &self.policy.store
    }

    fn mint(&self) -> LeasedKey {
        let mut minted = self.store().mint(1, Timestamp::UNIX_EPOCH).unwrap();
        minted.remove(0)
    }

    /// The process is killed: what it had not stored is lost, the rows too.
    fn killed(self) -> Self {
        let Self {
            root, policy, log, ..
        } = self;
        let EraseKeys {
            region,
            logs,
            store,
        } = policy;
        drop(store);
        let store = Arc::new(open_store(&root, region.as_str()));
        Self {
            policy: EraseKeys {
                region,
                logs,
                store,
            },
            root,
            rows: Arc::new(MemoryRows::default()),
            log,
        }
    }

    fn react(&self, event: &Recorded) -> Vec<Step> {
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
        steps
    }

    /// As the runner does it; what is written is heard of too.
    fn hear(&self, event: &Recorded) {
        let steps = self.react(event);
        if steps.is_empty() {
            return;
        }
        let head = self.log.head().position;
        let request = policy_request_id(self.policy.name(), event.envelope.id);
        self.write(&steps, request, Actor::system(self.policy.name(), "1"));
        for own in block_on(self.log.read_all(head, 10)).unwrap() {
            self.react(&own);
        }
    }

    fn write(&self, steps: &[Step], id: Uuid, actor: Actor) {
        let clock = Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH));
        let commands = CommandHandler::new(self.log.clone(), Arc::new(HybridClock::new(clock)));
        let request = RequestContext {
            id,
            digest: Hash::of(b""),
            cause: matches!(actor, Actor::System { .. }).then_some(id),
            actor,
            on_behalf_of: None,
            etag: None,
            validate_only: false,
            occurred_at: None,
            case: Some(case().0),
            traceparent: None,
        };
        block_on(commands.handle_all(steps, &request)).unwrap();
    }

    /// Two people have ordered the erasure: it is in the log, whenever the policy hears of it.
    fn ordered(self) -> Self {
        let known = KnownCase::OwnPart {
            age_band: AgeBand::Adult,
            guardian_suspected: false,
        };
        let (case, ground) = (case(), ErasureGround::RetentionEnded);
        let commands = [
            ErasureCommand::Propose {
                case,
                ground,
                known,
            },
            ErasureCommand::Order { case, known },
        ];
        for (number, command) in (1..).zip(commands) {
            let id = |number| ScopedId::new(case.region(), Uuid::from_u128(number)).to_string();
            let step = Step::of::<Erasure>(Erasure::id(self.policy.region, case).0, command);
            let actor = Actor::person(&id(number), &id(100), "Authorised");
            let request = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 0, 0));
            self.write(&[step], request, actor);
        }
        self
    }

    /// What its log says was destroyed.
    fn named(&self) -> BTreeSet<KeyId> {
        let events = block_on(self.log.read_all(Position(0), 100)).unwrap();
        let mut named = BTreeSet::new();
        for event in events {
            match decode::<Erasure>(&event.envelope).unwrap() {
                ErasureEvent::Erased { keys, .. } | ErasureEvent::CopiesErased { keys, .. } => {
                    named.extend(keys);
                }
                ErasureEvent::ErasureProposed { .. } | ErasureEvent::ErasureOrdered { .. } => {}
            }
        }
        named
    }

    fn import(&self, grant: &Recorded) {
        let receive = ReceiveKeys {
            region: self.policy.region,
            logs: Vec::new(),
            store: self.store().clone(),
        };
        let mut rows = Rows::new(Arc::new(MemoryRows::default()));
        receive.react(grant, &mut rows).unwrap();
    }
}

fn open_store(root: &TempDir, code: &str) -> KeyStore {
    let data = root.path().join("data");
    let key = RegionKey::read_or_create(&root.path().join("key"), &data, &data).unwrap();
    KeyStore::open(&data, region(code), &key).unwrap()
}

fn event(log: &str, kind: &str, name: &str, millis: u64, data: Value) -> Recorded {
    let envelope = envelope(log, kind, 1);
    let event_type = format!("{}.{name}", envelope.context);
    let body = Body::seal(&Envelope {
        dataschema: format!("urn:liandong:{event_type}:1"),
        event_type,
        caseid: Some(case().0),
        order: Order { millis, counter: 0 },
        data,
        ..envelope
    });
    Recorded::read(Position(1), Hash::of(b""), body.unwrap()).unwrap()
}

fn text(log: &str, by: &LeasedKey, millis: u64) -> Recorded {
    let place = SealingPlace {
        case: case(),
        stream: StreamId::new("intake", case().0),
        event: "Noted",
        field: "summary",
        role: PersonRole::Subject,
        class: SealedClass::Summary,
    };
    let sealed = seal(&place, by.id, &by.key, "text").unwrap();
    event(log, "note", "Noted", millis, json!({ "summary": sealed }))
}

fn ordered(millis: u64) -> Recorded {
    let worker = ScopedId::new(region(SHANGHAI), Uuid::from_u128(9));
    let data = json!({
        "case": case(), "ground": "RetentionEnded", "proposed_by": worker, "ordered_by": worker,
    });
    event("310000.keys", Erasure::KIND, "ErasureOrdered", millis, data)
}

fn erased(log: &str, name: &str, keys: &[KeyId], millis: u64) -> Recorded {
    let data = json!({ "case": case(), "keys": keys });
    event(log, Erasure::KIND, name, millis, data)
}

/// A grant of a key that `from` has, to a region that has published `to`.
fn granted(from: &Keeper, key: KeyId, to: &Keeper, millis: u64) -> Recorded {
    let place = GrantPlace {
        grant: GrantId(ScopedId::new(from.policy.region, Uuid::nil())),
        case: case(),
        receiver: to.policy.region,
        key,
        role: PersonRole::Subject,
        class: SealedClass::Summary,
    };
    let wrapped = from
        .store()
        .grant(&to.store().public_key(), &place)
        .unwrap();
    let data = json!({
        "case": case(), "to": place.receiver, "classes": ["Summary"], "basis": "LegalDuty",
        "reason": null, "purpose": Purpose::CaseHandling, "expires_at": null,
        "keys": [{
            "key": key, "role": "Subject", "class": "Summary",
            "wrapped_for": wrapped.wrapped_for.to_string(),
            "encapsulated": wrapped.encapsulated, "ciphertext": wrapped.ciphertext,
        }],
    });
    let log = format!("{}.keys", from.policy.region);
    event(&log, KeyGrant::KIND, "KeysGranted", millis, data)
}

/// All ways to read a few logs, each in its own order.
fn interleavings<T: Clone>(logs: &[Vec<T>]) -> Vec<Vec<T>> {
    if logs.iter().all(Vec::is_empty) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, log) in logs.iter().enumerate().filter(|(_, log)| !log.is_empty()) {
        let mut rest = logs.to_vec();
        rest[index].remove(0);
        for mut reading in interleavings(&rest) {
            reading.insert(0, log[0].clone());
            all.push(reading);
        }
    }
    all
}

#[test]
fn what_was_destroyed_is_named_wherever_the_policy_was_killed_and_what_it_knew_was_lost() {
    for killed_after in 0..=2 {
        for own_log_first in [false, true] {
            let keeper = Keeper::new(SHANGHAI).ordered();
            let key = keeper.mint();
            let events = [text("310000.intake", &key, 1), ordered(2)];
            for event in &events[..killed_after] {
                // Reacted, and killed before anything was appended.
                keeper.react(event);
            }
            let keeper = keeper.killed();
            let [text, ordered] = &events;
            let again = if own_log_first {
                [ordered, text]
            } else {
                [text, ordered]
            };
            for event in again {
                keeper.hear(event);
            }
            assert_eq!(keeper.named(), [key.id].into(), "after {killed_after}");
            assert!(keeper.store().is_retired(key.id));
        }
    }
}

#[derive(Clone)]
enum Heard {
    Event(Recorded),
    /// By the policy that receives keys, which reads the logs at its own pace.
    Imported(Recorded),
}

fn after(keeper: &Keeper, reading: Vec<Heard>) {
    for heard in reading {
        match heard {
            Heard::Event(event) => keeper.hear(&event),
            Heard::Imported(grant) => keeper.import(&grant),
        }
    }
}

#[test]
fn what_reaches_home_after_the_erasure_is_read_by_nobody_in_whatever_order_it_comes() {
    for number in 0.. {
        let (home, qingdao) = (Keeper::new(SHANGHAI).ordered(), Keeper::new(QINGDAO));
        let key = qingdao.mint();
        // Qingdao wrote, and handed its key home, before it heard of the erasure.
        let grant = granted(&qingdao, key.id, &home, 5);
        let copies = erased("370200.keys", "CopiesErased", &[key.id], 9);
        let readings = interleavings(&[
            vec![Heard::Event(ordered(3))],
            vec![Heard::Event(text("370200.caseteam", &key, 4))],
            vec![Heard::Event(grant.clone()), Heard::Event(copies)],
            vec![Heard::Imported(grant)],
        ]);
        let Some(reading) = readings.into_iter().nth(number) else {
            break;
        };
        after(&home, reading);
        assert!(home.store().is_retired(key.id), "reading {number}");
        assert!(home.named().contains(&key.id), "reading {number}");
    }
}

#[test]
fn a_key_passed_on_to_a_third_region_goes_there_too_in_whatever_order_it_comes() {
    for number in 0.. {
        let (home, third) = (Keeper::new(SHANGHAI), Keeper::new(BEIJING));
        let qingdao = Keeper::new(QINGDAO);
        let key = qingdao.mint();
        home.import(&granted(&qingdao, key.id, &home, 1));
        let passed_on = granted(&home, key.id, &third, 2);
        let completed = erased("310000.keys", "Erased", &[key.id], 5);
        let copies = erased("370200.keys", "CopiesErased", &[key.id], 6);
        let readings = interleavings(&[
            vec![Heard::Event(passed_on.clone()), Heard::Event(completed)],
            vec![Heard::Event(text("370200.caseteam", &key, 1))],
            vec![Heard::Event(copies)],
            vec![Heard::Imported(passed_on)],
        ]);
        let Some(reading) = readings.into_iter().nth(number) else {
            break;
        };
        after(&third, reading);
        assert!(third.store().is_retired(key.id), "reading {number}");
        assert!(third.named().contains(&key.id), "reading {number}");
    }
}

#[test]
fn a_region_that_was_granted_nothing_of_the_case_has_nothing_to_erase() {
    let third = Keeper::new(BEIJING);
    let before = third.store().public_key();
    let key = Keeper::new(SHANGHAI).mint();
    third.hear(&text("310000.intake", &key, 1));
    third.hear(&erased("310000.keys", "Erased", &[key.id], 5));
    assert_eq!(third.log.head().position, Position(0));
    assert_eq!(third.store().public_key(), before);
}
