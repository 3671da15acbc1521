//! What is kept of an inbox, told in examples.

use domain::ids::{CaseId, OrganizationId, ReferralId};
use domain::referral::{Draft, HopKind, Referral, ReferralEvent, Terms};
use domain::values::{CaseType, Party, RiskLevel};
use eventsourcing::testing::MemoryRows;
use eventsourcing::{Aggregate, Commit, Version};

use super::*;
use crate::projection::{HOPS, Known};

fn shanghai() -> Region {
    "310000".parse().unwrap()
}

fn unit(n: u128) -> Party {
    let uuid = Uuid::from_u128(n);
    Party {
        organization: OrganizationId::new(shanghai(), uuid),
        desk: DeskId::new(shanghai(), uuid),
    }
}

/// A draft of desk 1, as its last change left it.
fn drafted(change: u128) -> HopRow {
    let uuid = Uuid::from_u128(100);
    let sealed = serde_json::json!({
        "suite": 1, "key": format!("310000-{uuid}"), "role": "Subject", "class": "Summary",
        "stream": format!("referral/310000-{uuid}"), "event": "Drafted", "field": "summary",
        "commitment": "00", "nonce": "01", "ciphertext": "02",
    });
    let draft = Draft {
        hop: ReferralId::new(shanghai(), uuid),
        terms: Terms {
            from: unit(1),
            to: unit(2),
            origin: unit(1),
            relay: None,
            kind: HopKind::ByWorker,
            case_type: CaseType::Protection,
            risk: RiskLevel::High,
            flags: [].into(),
            summary: serde_json::from_value(sealed).unwrap(),
        },
        tenure: None,
    };
    let mut state = Referral::default();
    state.evolve(&ReferralEvent::Drafted(Box::new(draft)));
    let last = Change {
        hop: uuid,
        event: Uuid::from_u128(change),
        event_type: "referral.Drafted".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let mut row = HopRow::new(CaseId::new(shanghai(), uuid), last);
    let version = Version(1);
    row.referral = Some(Known { state, version });
    row
}

/// Tells the inbox of so many changes, one after the other.
fn change(store: &Arc<dyn ProjectionStore>, changes: std::ops::RangeInclusive<u64>) {
    for number in changes {
        let row = drafted(number.into());
        let mut rows = Rows::new(store.clone());
        rows.put(HOPS, row.last.hop.as_bytes(), &row).unwrap();
        changed(shanghai(), Some(&row), &row, &mut rows).unwrap();
        let commit = Commit {
            changes: rows.into_changes(),
            checkpoint: None,
        };
        store.commit(commit).unwrap();
    }
}

#[test]
fn the_last_changes_are_kept_and_who_missed_older_ones_begins_again_with_what_is_open() {
    let store: Arc<dyn ProjectionStore> = Arc::new(MemoryRows::default());
    let desk = unit(1).desk;
    change(&store, 1..=1);
    let (cursor, _) = entries(&store, desk, "", 10).unwrap().remove(0);
    // After the open hop come the changes since: the first one was seen.
    change(&store, 2..=KEPT + 1);
    let all = usize::try_from(KEPT).unwrap() + 10;
    let kept = store.scan(CHANGES, b"", None, all).unwrap();
    assert_eq!(kept.len(), usize::try_from(KEPT).unwrap());
    let seen_the_first = cursor.split('/').next().unwrap();
    let missed = entries(&store, desk, seen_the_first, all).unwrap();
    assert_eq!(missed.len(), kept.len());
    assert_eq!(missed[0].1.change.event, Uuid::from_u128(2));

    change(&store, KEPT + 2..=KEPT + 2);
    assert_eq!(
        store.scan(CHANGES, b"", None, all).unwrap().len(),
        kept.len()
    );
    let again = entries(&store, desk, seen_the_first, all).unwrap();
    assert_eq!(again.len(), 1, "the hop that is open");
    assert_eq!(again[0].1.change.event, Uuid::from_u128((KEPT + 2).into()));
}
