//! The key store: durable, locked, bound, and never a wrong key after damage.

use std::fs;
use std::os::unix::fs::FileExt;

use domain::ids::GrantId;
use domain::sealed::{PersonRole, SealedClass};
use eventsourcing::ScopedId;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

pub(super) struct Home {
    pub(super) directory: TempDir,
    pub(super) key: RegionKey,
}

impl Home {
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            key: RegionKey::random(),
        }
    }

    pub(super) fn open(&self) -> KeyStore {
        self.open_as("310000")
    }

    pub(super) fn open_as(&self, code: &str) -> KeyStore {
        self.try_open(region(code), &self.key).unwrap()
    }

    fn try_open(&self, region: Region, key: &RegionKey) -> Result<KeyStore, KeyStoreError> {
        KeyStore::open(self.directory.path(), region, key)
    }
}

pub(super) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

pub(super) fn january() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

pub(super) fn february() -> Timestamp {
    "2026-02-01T12:00:00Z".parse().unwrap()
}

pub(super) fn rows(store: &KeyStore, epochs: bool) -> Vec<(String, Vec<u8>)> {
    let reading = store.read().begin_read().unwrap();
    if epochs {
        let table = reading.open_table(EPOCHS).unwrap();
        let rows = table.iter().unwrap().map(Result::unwrap);
        rows.map(|(n, r)| (n.value().to_string(), r.value().to_vec()))
            .collect()
    } else {
        let table = reading.open_table(DATA_KEYS).unwrap();
        let rows = table.iter().unwrap().map(Result::unwrap);
        rows.map(|(n, r)| (n.value().to_owned(), r.value().to_vec()))
            .collect()
    }
}

fn place(key: KeyId, receiver: &str) -> GrantPlace {
    let id = |number| ScopedId::new(region("310000"), Uuid::from_u128(number));
    GrantPlace {
        grant: GrantId(id(1)),
        case: CaseId(id(2)),
        receiver: region(receiver),
        key,
        role: PersonRole::Subject,
        class: SealedClass::Narrative,
    }
}

pub(super) fn case() -> CaseId {
    CaseId(ScopedId::new(region("310000"), Uuid::from_u128(2)))
}

/// A key of Shanghai, granted to Qingdao and not yet imported there.
pub(super) struct Granted {
    pub(super) qingdao: Home,
    pub(super) place: GrantPlace,
    pub(super) key: GrantedKey,
}

pub(super) fn granted_to_qingdao() -> Granted {
    let (shanghai, qingdao) = (Home::new(), Home::new());
    let store = shanghai.open();
    let minted = store.mint(1, january()).unwrap().remove(0);
    let place = place(minted.id, "370200");
    let public_key = qingdao.open_as("370200").public_key();
    let key = store.grant(&public_key, &place).unwrap();
    Granted {
        qingdao,
        place,
        key,
    }
}

#[test]
fn minted_keys_are_on_disk_when_they_are_given_out() {
    let home = Home::new();
    let store = home.open();
    let minted = store.mint(3, january()).unwrap();
    // As a power loss now would leave it: the store was not closed.
    let copy = Home {
        directory: tempfile::tempdir().unwrap(),
        key: home.key.clone(),
    };
    let file = |home: &Home| home.directory.path().join(FILE);
    fs::copy(file(&home), file(&copy)).unwrap();
    let copy = copy.open();
    for leased in &minted {
        assert_eq!(copy.get(leased.id).unwrap().0, leased.key.0);
    }
}

#[test]
fn minted_keys_are_there_after_reopening_and_all_differ() {
    let home = Home::new();
    let store = home.open();
    let minted = store.mint(20, january()).unwrap();
    drop(store);
    let store = home.open();
    for leased in &minted {
        assert_eq!(store.get(leased.id).unwrap().0, leased.key.0);
        let same = minted.iter().filter(|other| other.key.0 == leased.key.0);
        assert_eq!(same.count(), 1);
    }
    assert_eq!(store.damaged().unwrap(), []);
}

#[test]
fn each_month_has_an_epoch_key_of_its_own() {
    let home = Home::new();
    let store = home.open();
    store.mint(2, january()).unwrap();
    store.mint(2, january()).unwrap();
    let late = store.mint(1, february()).unwrap();
    store.mint(1, january()).unwrap();
    assert_eq!(rows(&store, true).len(), 2);
    assert_eq!(store.get(late[0].id).unwrap().0, late[0].key.0);
}

#[test]
fn a_second_opener_is_refused_and_told_why() {
    let home = Home::new();
    let _store = home.open();
    let second = home.try_open(region("310000"), &home.key).err();
    let path = home.directory.path().join(FILE);
    assert_eq!(second, Some(KeyStoreError::InUse(path)));
}

#[test]
fn another_region_key_or_another_region_does_not_open_the_store() {
    let home = Home::new();
    drop(home.open());
    let wrong = Some(KeyStoreError::WrongRegionKey(
        home.directory.path().join(FILE),
    ));
    let other_key = home.try_open(region("310000"), &RegionKey::random()).err();
    assert_eq!(other_key, wrong);
    let other_region = home.try_open(region("370200"), &home.key).err();
    assert_eq!(other_region, wrong);
}

#[test]
fn an_unknown_key_is_named() {
    let store = Home::new().open();
    let id = KeyId::new(region("310000"), Uuid::from_u128(7));
    assert_eq!(store.get(id).unwrap_err(), KeyStoreError::Unknown(id));
}

#[test]
fn a_record_under_another_keys_name_is_damage_and_never_that_key() {
    let store = Home::new().open();
    let minted = store.mint(2, january()).unwrap();
    let (one, other) = (minted[0].id, minted[1].id);
    let rows = rows(&store, false);
    let of = |id: KeyId| rows.iter().find(|row| row.0 == id.to_string()).unwrap();
    let writing = store.read().begin_write().unwrap();
    {
        let mut table = writing.open_table(DATA_KEYS).unwrap();
        table
            .insert(one.to_string().as_str(), of(other).1.as_slice())
            .unwrap();
    }
    writing.commit().unwrap();
    let refused = store.get(one).unwrap_err();
    assert!(matches!(refused, KeyStoreError::Damaged { key, .. } if key == one));
    assert_eq!(store.damaged().unwrap(), [one]);
    assert_eq!(store.get(other).unwrap().0, minted[1].key.0);
}

#[test]
fn a_granted_key_serves_its_receiver_and_no_third_region() {
    let (shanghai, qingdao, third) = (Home::new(), Home::new(), Home::new());
    let shanghai = shanghai.open();
    let qingdao = qingdao.try_open(region("370200"), &qingdao.key).unwrap();
    let third = third.try_open(region("420100"), &third.key).unwrap();
    let minted = shanghai.mint(1, january()).unwrap().remove(0);

    let place = place(minted.id, "370200");
    let granted = shanghai.grant(&qingdao.public_key(), &place).unwrap();
    let unknown = qingdao.get(minted.id).unwrap_err();
    assert_eq!(unknown, KeyStoreError::Unknown(minted.id));
    qingdao.import_granted(&place, &granted, january()).unwrap();
    assert_eq!(qingdao.get(minted.id).unwrap().0, minted.key.0);

    let refused = third.import_granted(&place, &granted, january());
    let not_for_us = KeyStoreError::Grant(GrantError::ForFormerKey(minted.id));
    assert_eq!(refused, Err(not_for_us));
}

#[test]
fn a_key_that_is_here_is_not_replaced_by_one_granted_under_its_name() {
    let qingdao = Home::new();
    let qingdao = qingdao.try_open(region("370200"), &qingdao.key).unwrap();
    let own = qingdao.mint(1, january()).unwrap().remove(0);
    let place = place(own.id, "370200");
    let granted = grant(&qingdao.public_key(), &place, &DataKey::random()).unwrap();
    qingdao.import_granted(&place, &granted, january()).unwrap();
    assert_eq!(qingdao.get(own.id).unwrap().0, own.key.0);
}

#[test]
fn a_grant_that_arrives_after_the_erasure_brings_nothing_back() {
    let (shanghai, qingdao) = (Home::new(), Home::new());
    let shanghai = shanghai.open();
    let qingdao = qingdao.try_open(region("370200"), &qingdao.key).unwrap();
    let minted = shanghai.mint(1, january()).unwrap().remove(0);
    let place = place(minted.id, "370200");
    let granted = shanghai.grant(&qingdao.public_key(), &place).unwrap();
    qingdao.destroy(case(), &[minted.id]).unwrap();
    let refused = qingdao.import_granted(&place, &granted, january());
    assert_eq!(refused, Err(KeyStoreError::Destroyed(minted.id)));
}

/// A store with keys of two months, closed, and what it held.
fn written() -> (Home, Vec<LeasedKey>) {
    let home = Home::new();
    let store = home.open();
    let mut minted = store.mint(30, january()).unwrap();
    minted.extend(store.mint(30, february()).unwrap());
    drop(store);
    (home, minted)
}

fn flip(home: &Home, offset: u64, bit: u8) {
    let path = home.directory.path().join(FILE);
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], offset).unwrap();
}

/// Whatever was flipped, each key is the right one or an error that names it.
fn every_key_is_right_or_named(home: &Home, minted: &[LeasedKey]) -> usize {
    let store = match home.try_open(region("310000"), &home.key) {
        Ok(store) => store,
        Err(KeyStoreError::Engine(_) | KeyStoreError::WrongRegionKey(_)) => {
            let told = home.try_open(region("310000"), &home.key).err().unwrap();
            assert!(names_the_file(home, &told), "{told}");
            return 0;
        }
        Err(other) => panic!("{other:?}"),
    };
    if let Err(told) = store.mint(1, february()) {
        assert!(names_the_file(home, &told), "{told}");
    }
    if let Err(told) = store.damaged() {
        assert!(names_the_file(home, &told), "{told}");
    }
    let named = minted.iter().filter(|leased| match store.get(leased.id) {
        Ok(key) => {
            assert_eq!(key.0, leased.key.0, "never a wrong key");
            false
        }
        Err(KeyStoreError::Damaged { key, .. } | KeyStoreError::Unknown(key)) => {
            assert_eq!(key, leased.id);
            true
        }
        Err(other) => panic!("{other:?}"),
    });
    named.count()
}

fn names_the_file(home: &Home, told: &KeyStoreError) -> bool {
    let path = home.directory.path().join(FILE);
    told.to_string().contains(path.to_str().unwrap())
}

#[test]
fn a_bit_flipped_in_a_wrapped_key_names_that_key_alone() {
    let (home, minted) = written();
    let store = home.open();
    let wrapped = rows(&store, false);
    drop(store);
    let file = fs::read(home.directory.path().join(FILE)).unwrap();
    for (id, record) in wrapped.iter().step_by(7) {
        let places = file.windows(record.len()).enumerate();
        let places: Vec<usize> = places
            .filter_map(|(at, bytes)| (bytes == record).then_some(at))
            .collect();
        for at in &places {
            flip(&home, *at as u64 + 40, 3);
        }
        let store = home.open();
        let id: KeyId = id.parse().unwrap();
        assert_eq!(store.damaged().unwrap(), [id]);
        drop(store);
        for at in &places {
            flip(&home, *at as u64 + 40, 3);
        }
    }
    assert_eq!(every_key_is_right_or_named(&home, &minted), 0);
}

#[test]
fn a_bit_flipped_in_an_epoch_key_names_the_keys_of_that_month() {
    let (home, minted) = written();
    let store = home.open();
    let january_key = rows(&store, true)[0].1.clone();
    drop(store);
    let file = fs::read(home.directory.path().join(FILE)).unwrap();
    for (at, bytes) in file.windows(january_key.len()).enumerate() {
        if bytes == january_key {
            flip(&home, at as u64 + 40, 0);
        }
    }
    assert_eq!(every_key_is_right_or_named(&home, &minted), 30);
    let store = home.open();
    store.get(minted[0].id).expect_err("a key of January");
    assert_eq!(store.get(minted[30].id).unwrap().0, minted[30].key.0);
    // Work goes on: January gets a new epoch key.
    let new = store.mint(1, january()).unwrap().remove(0);
    assert_eq!(store.get(new.id).unwrap().0, new.key.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_bit_flipped_anywhere_gives_no_wrong_key_and_every_error_names_the_file_or_the_key(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (home, minted) = written();
        let bytes = fs::read(home.directory.path().join(FILE)).unwrap();
        // Mostly where something is written: an empty page has nothing to lose.
        let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        flip(&home, written[at.index(written.len())] as u64, bit);
        every_key_is_right_or_named(&home, &minted);
    }
}
