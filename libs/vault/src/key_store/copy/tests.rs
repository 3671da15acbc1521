//! Two copies of a key store: either disk may be lost, and no key is; what is destroyed is in neither.

use super::super::tests::{Home, case, february, january, region};
use super::*;
use crate::region_key::RegionKey;

struct Two {
    home: Home,
    copy: tempfile::TempDir,
}

impl Two {
    fn new() -> Self {
        Self {
            home: Home::new(),
            copy: tempfile::tempdir().unwrap(),
        }
    }

    fn open(&self) -> KeyStore {
        self.try_open(&self.home.key).unwrap()
    }

    fn try_open(&self, key: &RegionKey) -> Result<KeyStore, KeyStoreError> {
        let (store, copy) = (self.home.directory.path(), self.copy.path());
        KeyStore::open_with_copy(store, Some(copy), region("310000"), key)
    }

    fn files(&self) -> [PathBuf; 2] {
        let directories = [self.home.directory.path(), self.copy.path()];
        directories.map(|directory| directory.join(FILE))
    }

    fn lose(&self, which: usize) {
        fs::remove_file(&self.files()[which]).unwrap();
    }

    fn stand_in_a_file(&self, bytes: &[u8]) -> bool {
        let directories = [self.home.directory.path(), self.copy.path()];
        let files = directories.iter().flat_map(|of| fs::read_dir(of).unwrap());
        let mut contents = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        contents.any(|file| file.windows(bytes.len()).any(|part| part == bytes))
    }
}

fn has(store: &KeyStore, keys: &[LeasedKey]) {
    for leased in keys {
        assert_eq!(store.get(leased.id).unwrap().0, leased.key.0);
    }
}

#[test]
fn a_lost_disk_loses_no_key_whichever_of_the_two_it_is() {
    for lost in [0, 1, 0] {
        let two = Two::new();
        let store = two.open();
        let mut minted = store.mint(3, january()).unwrap();
        minted.extend(store.mint(2, february()).unwrap());
        // As a crash leaves it, not as closing does.
        let public = store.public_key();
        drop(store);
        two.lose(lost);
        let store = two.open();
        has(&store, &minted);
        assert_eq!(store.public_key(), public);
        minted.extend(store.mint(1, february()).unwrap());
        drop(store);
        two.lose(1 - lost);
        has(&two.open(), &minted);
    }
}

#[test]
fn what_is_destroyed_is_in_neither_file_and_does_not_come_back_from_the_other() {
    let two = Two::new();
    let store = two.open();
    let mut stay = store.mint(3, january()).unwrap();
    let gone = stay.remove(0);
    let wrapped = super::super::tests::rows(&store, false);
    let id = gone.id.to_string();
    let wrapped = &wrapped.iter().find(|row| row.0 == id).unwrap().1;
    let epoch = super::super::tests::rows(&store, true).remove(0).1;
    drop(store);
    assert!(two.stand_in_a_file(wrapped) && two.stand_in_a_file(&epoch));
    let [file, copy] = two.files();
    let (old_store, old_copy) = (fs::read(&file).unwrap(), fs::read(&copy).unwrap());

    let store = two.open();
    store.destroy(case(), &[gone.id]).unwrap();
    drop(store);
    assert!(!two.stand_in_a_file(wrapped) && !two.stand_in_a_file(&epoch));

    // One of the two comes from before the erasure: the other knows better.
    for (file, old) in [(&file, &old_store), (&copy, &old_copy)] {
        fs::write(file, old).unwrap();
        let store = two.open();
        let refused = store.get(gone.id).unwrap_err();
        assert_eq!(refused, KeyStoreError::Destroyed(gone.id));
        has(&store, &stay);
        drop(store);
        assert!(!two.stand_in_a_file(wrapped) && !two.stand_in_a_file(&epoch));
    }
}

#[test]
fn a_store_from_an_old_backup_gets_what_came_after_it_from_the_copy() {
    let two = Two::new();
    let store = two.open();
    let mut minted = store.mint(2, january()).unwrap();
    drop(store);
    let backup = fs::read(&two.files()[0]).unwrap();
    minted.extend(two.open().mint(2, january()).unwrap());
    fs::write(&two.files()[0], backup).unwrap();
    has(&two.open(), &minted);
    two.lose(1);
    has(&two.open(), &minted);
}

#[test]
fn a_key_that_is_damaged_in_one_file_comes_back_from_the_other() {
    for damaged in [0, 1] {
        let two = Two::new();
        let minted = two.open().mint(3, january()).unwrap();
        let path = &two.files()[damaged];
        let mut bytes = fs::read(path).unwrap();
        // The wrapped keys are next to their ids in the file: its last bytes are those of a record.
        let store = Home {
            directory: tempfile::tempdir().unwrap(),
            key: two.home.key.clone(),
        };
        fs::write(store.directory.path().join(FILE), &bytes).unwrap();
        let records = super::super::tests::rows(&store.open(), false);
        let record = &records[0].1;
        let places = bytes.windows(record.len()).enumerate();
        let places: Vec<usize> = places
            .filter_map(|(at, part)| (part == record.as_slice()).then_some(at))
            .collect();
        for at in places {
            bytes[at + record.len() - 1] ^= 1;
        }
        fs::write(path, bytes).unwrap();
        let store = two.open();
        has(&store, &minted);
        assert_eq!(store.damaged().unwrap(), []);
        drop(store);
        for lost in [1, 0] {
            two.lose(lost);
            has(&two.open(), &minted);
        }
    }
}

#[test]
fn the_copy_of_another_region_is_refused_and_left_as_it_is() {
    let (two, other) = (Two::new(), Two::new());
    drop((two.open(), other.open()));
    let theirs = fs::read(&other.files()[1]).unwrap();
    fs::copy(&other.files()[1], &two.files()[1]).unwrap();
    let refused = two.try_open(&two.home.key).map(|_| ()).unwrap_err();
    let path = two.files()[1].clone();
    assert_eq!(refused, KeyStoreError::WrongRegionKey(path.clone()));
    assert_eq!(fs::read(path).unwrap().len(), theirs.len());
}
