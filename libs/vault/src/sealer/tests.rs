//! Sealing from keys leased ahead, while their keeper is there and while it is away.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::ids::KeyId;
use eventsourcing::{Region, ScopedId, StreamId};
use futures::future::BoxFuture;
use uuid::Uuid;

use super::*;
use crate::seal::{LARGEST_TEXT, open};
use crate::secret::DataKey;

/// Keys that can go away.
#[derive(Default)]
struct Keys {
    away: AtomicBool,
    leased: AtomicUsize,
    retired: Mutex<Vec<KeyId>>,
    given: Mutex<HashMap<KeyId, DataKey>>,
}

impl Keys {
    fn go_away(&self) {
        self.away.store(true, Ordering::SeqCst);
    }

    fn fresh(&self) -> LeasedKey {
        let number = self.leased.fetch_add(1, Ordering::SeqCst);
        let id = KeyId::new(Region::CENTRAL, Uuid::from_u128(number as u128));
        let key = DataKey::random();
        self.given.lock().unwrap().insert(id, key.clone());
        LeasedKey { id, key }
    }
}

impl DataKeys for Keys {
    fn lease(&self, count: usize) -> BoxFuture<'_, Result<Vec<LeasedKey>, DataKeysError>> {
        let leased = if self.away.load(Ordering::SeqCst) {
            Err(DataKeysError::Away("no route".to_owned()))
        } else {
            Ok((0..count).map(|_| self.fresh()).collect())
        };
        Box::pin(async { leased })
    }

    fn is_retired(&self, id: KeyId) -> bool {
        self.retired.lock().unwrap().contains(&id)
    }
}

fn place(case: u128, class: SealedClass) -> SealingPlace {
    let case = ScopedId::new(Region::CENTRAL, Uuid::from_u128(case));
    SealingPlace {
        case: CaseId(case),
        stream: StreamId::new("intake", case),
        event: "ContactRecorded",
        field: "narrative",
        role: PersonRole::Subject,
        class,
    }
}

fn sealer() -> (Arc<Keys>, Sealer) {
    let keys = Arc::new(Keys::default());
    (Arc::clone(&keys), Sealer::new(keys))
}

#[tokio::test]
async fn texts_of_one_case_and_class_share_a_key_and_no_others_do() {
    let (keys, sealer) = sealer();
    let narrative = place(1, SealedClass::Narrative);
    let one = sealer.seal(&narrative, "one").await.unwrap();
    let two = sealer.seal(&narrative, "two").await.unwrap();
    let identity = place(1, SealedClass::Identity);
    let identity = sealer.seal(&identity, "p-1").await.unwrap();
    let other = place(2, SealedClass::Narrative);
    let other = sealer.seal(&other, "other").await.unwrap();
    assert_eq!(one.key, two.key);
    assert_ne!(one.key, identity.key);
    assert_ne!(one.key, other.key);
    let key = keys.given.lock().unwrap()[&two.key].clone();
    assert_eq!(*open(narrative.case, &key, &two).unwrap(), "two");
}

#[tokio::test]
async fn a_desk_goes_on_taking_cases_while_the_keys_are_away() {
    let (keys, sealer) = sealer();
    sealer.fill().await.unwrap();
    keys.go_away();
    for case in 0..BATCH as u128 {
        let place = place(case, SealedClass::Narrative);
        sealer.seal(&place, "text").await.unwrap();
    }
    // The cases it has go on; a further one needs a key that nobody has.
    let known = place(3, SealedClass::Narrative);
    sealer.seal(&known, "more").await.unwrap();
    let new = place(1_000, SealedClass::Narrative);
    let refused = sealer.seal(&new, "text").await.unwrap_err();
    let away = DataKeysError::Away("no route".to_owned());
    assert_eq!(refused, SealerError::NoKeys(away));

    keys.away.store(false, Ordering::SeqCst);
    sealer.seal(&new, "text").await.unwrap();
}

#[tokio::test]
async fn the_pool_is_filled_up_before_it_is_empty_and_never_beyond_its_bound() {
    let (keys, sealer) = sealer();
    for case in 0..500 {
        let place = place(case, SealedClass::Narrative);
        sealer.seal(&place, "text").await.unwrap();
        tokio::task::yield_now().await;
        let left = sealer.0.held().fresh.len();
        assert!((1..BATCH + LOW).contains(&left), "{left}");
    }
    assert!(keys.leased.load(Ordering::SeqCst) < 500 + BATCH + LOW);
}

#[tokio::test]
async fn after_its_key_was_destroyed_the_next_text_of_a_case_gets_a_new_key() {
    let (keys, sealer) = sealer();
    let (erased, other) = (
        place(1, SealedClass::Summary),
        place(2, SealedClass::Summary),
    );
    let before = sealer.seal(&erased, "text").await.unwrap();
    let untouched = sealer.seal(&other, "text").await.unwrap();
    keys.retired.lock().unwrap().push(before.key);
    let after = sealer.seal(&erased, "text").await.unwrap();
    assert_ne!(before.key, after.key);
    let again = sealer.seal(&other, "text").await.unwrap();
    assert_eq!(untouched.key, again.key);
}

#[tokio::test]
async fn the_oldest_case_falls_out_when_too_many_are_kept() {
    let (_, sealer) = sealer();
    let first = place(0, SealedClass::Summary);
    let before = sealer.seal(&first, "text").await.unwrap();
    for case in 1..=KEPT as u128 {
        let place = place(case, SealedClass::Summary);
        sealer.seal(&place, "text").await.unwrap();
    }
    assert_eq!(sealer.0.held().in_use.len(), KEPT);
    let after = sealer.seal(&first, "text").await.unwrap();
    assert_ne!(before.key, after.key);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused() {
    let (_, sealer) = sealer();
    let place = place(1, SealedClass::Narrative);
    let long = "x".repeat(LARGEST_TEXT + 1);
    let refused = sealer.seal(&place, &long).await.unwrap_err();
    assert!(matches!(
        refused,
        SealerError::Text(SealError::TooLong { .. })
    ));
}
