//! Destroyed keys are in no file, whatever happens on the way.

use super::super::tests::{Home, case, february, granted_to_qingdao, january, rows};
use super::*;
use crate::data_keys::LeasedKey;

const STAGES: [Stage; 4] = [
    Stage::SurvivorsWritten,
    Stage::Replaced,
    Stage::DirectorySynced,
    Stage::Scrubbed,
];

struct Before {
    home: Home,
    gone: Vec<LeasedKey>,
    stay: Vec<LeasedKey>,
}

/// Keys of two months; those that are to go are January's.
fn before() -> Before {
    let home = Home::new();
    let store = home.open();
    let gone = store.mint(3, january()).unwrap();
    let mut stay = store.mint(10, january()).unwrap();
    stay.extend(store.mint(10, february()).unwrap());
    Before { home, gone, stay }
}

impl Before {
    fn ids(&self) -> Vec<KeyId> {
        self.gone.iter().map(|leased| leased.id).collect()
    }

    fn assert_erased(&self, store: &KeyStore) {
        for leased in &self.gone {
            let refused = store.get(leased.id).unwrap_err();
            assert_eq!(refused, KeyStoreError::Destroyed(leased.id));
            assert!(store.is_retired(leased.id));
        }
        self.assert_survivors(store);
    }

    fn assert_survivors(&self, store: &KeyStore) {
        for leased in &self.stay {
            assert_eq!(store.get(leased.id).unwrap().0, leased.key.0);
            assert!(!store.is_retired(leased.id));
        }
    }

    /// The files of the directory in which these bytes stand.
    fn files_with(&self, bytes: &[u8]) -> usize {
        let files = fs::read_dir(self.home.directory.path()).unwrap();
        let contents = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        contents
            .filter(|file| file.windows(bytes.len()).any(|part| part == bytes))
            .count()
    }
}

#[test]
fn destroyed_keys_are_gone_and_all_others_are_as_before() {
    let before = before();
    let store = before.home.open();
    store.destroy(case(), &before.ids()).unwrap();
    before.assert_erased(&store);
    drop(store);
    before.assert_erased(&before.home.open());
}

#[test]
fn no_file_holds_a_destroyed_key_raw_wrapped_or_its_epoch_key() {
    let before = before();
    let store = before.home.open();
    let epochs = rows(&store, true);
    let wrapped = rows(&store, false);
    let january = &epochs[0].1;
    let of = |leased: &LeasedKey| {
        let id = leased.id.to_string();
        &wrapped.iter().find(|row| row.0 == id).unwrap().1
    };
    assert_eq!(before.files_with(january), 1);
    assert_eq!(before.files_with(of(&before.gone[0])), 1);

    store.destroy(case(), &before.ids()).unwrap();
    drop(store);
    assert_eq!(before.files_with(january), 0);
    assert_eq!(before.files_with(&epochs[1].1), 1);
    for leased in &before.gone {
        assert_eq!(before.files_with(of(leased)), 0);
        assert_eq!(before.files_with(leased.key.0.as_slice()), 0);
    }
    for leased in &before.stay {
        assert_eq!(before.files_with(leased.key.0.as_slice()), 0);
    }
}

#[test]
fn after_a_crash_at_any_stage_nothing_or_everything_is_erased_and_it_can_be_finished() {
    for stage in STAGES {
        let before = before();
        let store = before.home.open();
        store.destroy_up_to(case(), &before.ids(), stage).unwrap();
        drop(store);

        let store = before.home.open();
        before.assert_survivors(&store);
        if stage == Stage::SurvivorsWritten {
            for leased in &before.gone {
                assert_eq!(store.get(leased.id).unwrap().0, leased.key.0);
            }
        } else {
            before.assert_erased(&store);
        }
        store.destroy(case(), &before.ids()).unwrap();
        before.assert_erased(&store);
        assert!(!before.home.directory.path().join(UNFINISHED).exists());
    }
}

#[test]
fn the_old_files_bytes_are_overwritten() {
    let before = before();
    let store = before.home.open();
    let kept = File::open(before.home.directory.path().join(FILE)).unwrap();
    store.destroy(case(), &before.ids()).unwrap();
    let mut old = Vec::new();
    io::Read::read_to_end(&mut &kept, &mut old).unwrap();
    assert!(!old.is_empty());
    assert!(old.iter().all(|byte| *byte == 0));
}

#[test]
fn the_store_stays_locked_through_an_erasure_and_takes_new_keys_after_it() {
    let before = before();
    let store = before.home.open();
    store.destroy(case(), &before.ids()).unwrap();
    let path = before.home.directory.path();
    let second = KeyStore::open(path, store.region(), &before.home.key).err();
    assert_eq!(second, Some(KeyStoreError::InUse(path.join(FILE))));
    let minted = store.mint(1, january()).unwrap().remove(0);
    drop(store);
    let store = before.home.open();
    assert_eq!(store.get(minted.id).unwrap().0, minted.key.0);
}

#[test]
fn a_restored_backup_forgets_again_what_was_destroyed() {
    let before = before();
    let path = before.home.directory.path().join(FILE);
    let backup = fs::read(&path).unwrap();
    let store = before.home.open();
    store.destroy(case(), &before.ids()).unwrap();
    drop(store);

    fs::write(&path, backup).unwrap();
    let store = before.home.open();
    assert!(store.get(before.gone[0].id).is_ok());
    store.destroy(case(), &before.ids()).unwrap();
    before.assert_erased(&store);
}

#[test]
fn one_damaged_key_does_not_stop_the_erasure_of_others_and_stays_named() {
    let before = before();
    let store = before.home.open();
    let damaged = before.stay[0].id;
    let writing = store.read().begin_write().unwrap();
    {
        let mut table = writing.open_table(DATA_KEYS).unwrap();
        let record = [0_u8, 0, 0, 1, 9, 9];
        table
            .insert(damaged.to_string().as_str(), record.as_slice())
            .unwrap();
    }
    writing.commit().unwrap();
    store.destroy(case(), &before.ids()).unwrap();
    let refused = store.get(damaged).unwrap_err();
    assert!(matches!(refused, KeyStoreError::Damaged { key, .. } if key == damaged));
    assert_eq!(
        store.get(before.stay[1].id).unwrap().0,
        before.stay[1].key.0
    );
}

#[test]
fn destroying_again_makes_no_further_epoch_key() {
    let before = before();
    let store = before.home.open();
    store.destroy(case(), &before.ids()).unwrap();
    let epochs = rows(&store, true);
    store.destroy(case(), &before.ids()).unwrap();
    assert_eq!(rows(&store, true), epochs);
}

#[test]
fn after_an_erasure_no_file_and_no_log_gives_a_granted_key_back() {
    let granted = granted_to_qingdao();
    let qingdao = &granted.qingdao;
    let wrapped_private = |store: &KeyStore| {
        let reading = store.read().begin_read().unwrap();
        let table = reading.open_table(REGION).unwrap();
        let record = table.get(PRIVATE_KEY).unwrap().unwrap();
        record.value().to_vec()
    };
    let store = qingdao.open_as("370200");
    store
        .import_granted(&granted.place, &granted.key, january())
        .unwrap();
    let before = (wrapped_private(&store), store.public_key());
    store.destroy(case(), &[granted.place.key]).unwrap();
    assert_ne!(store.public_key(), before.1);
    let renewed = store.public_key();
    drop(store);

    // What the log has is for a private key that is in no file any more.
    for file in fs::read_dir(qingdao.directory.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(before.0.len()).any(|part| part == before.0));
    }
    let store = qingdao.open_as("370200");
    assert_eq!(store.public_key(), renewed);
    let private = store.receiving();
    let refused = crate::grant::take_out(&private, &granted.place, &granted.key).unwrap_err();
    let key = granted.place.key;
    assert_eq!(refused, crate::grant::GrantError::ForFormerKey(key));
}

#[test]
fn a_granted_key_that_never_arrived_takes_the_private_key_with_it_too() {
    let granted = granted_to_qingdao();
    let store = granted.qingdao.open_as("370200");
    let before = store.public_key();
    store.destroy(case(), &[granted.place.key]).unwrap();
    let renewed = store.public_key();
    assert_ne!(renewed, before);
    store.destroy(case(), &[granted.place.key]).unwrap();
    assert_eq!(store.public_key(), renewed, "once");
    // Its own keys are in no log.
    let own = store.mint(1, january()).unwrap().remove(0);
    store.destroy(case(), &[own.id]).unwrap();
    assert_eq!(store.public_key(), renewed);
}

#[test]
fn after_a_crash_at_any_stage_the_private_key_is_renewed_with_the_erasure_or_not_at_all() {
    for stage in STAGES {
        let granted = granted_to_qingdao();
        let store = granted.qingdao.open_as("370200");
        let before = store.public_key();
        let keys = [granted.place.key];
        store.destroy_up_to(case(), &keys, stage).unwrap();
        drop(store);
        let store = granted.qingdao.open_as("370200");
        let erased = stage != Stage::SurvivorsWritten;
        assert_eq!(store.is_retired(granted.place.key), erased);
        assert_eq!(store.public_key() != before, erased);
        store.destroy(case(), &keys).unwrap();
        assert_ne!(store.public_key(), before);
        assert_eq!(store.erased_with(granted.place.key), Some(case()));
    }
}
