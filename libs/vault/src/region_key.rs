//! The region key: the root of a region's keys, in a file of its own outside the data directory.
//!
//! Whoever copies the data without this file has nothing but ciphertext.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::key_store::{KeyStore, create_directory, sync_directory};
use crate::secret::{Secret, derive, random};

/// 32 bytes; every other key of the region hangs on it.
#[derive(Clone)]
pub struct RegionKey(Secret);

#[derive(Debug, thiserror::Error)]
pub enum RegionKeyError {
    #[error("the region key {path} cannot be read or made: {cause}")]
    File { path: PathBuf, cause: io::Error },
    #[error("the region key {0} lies in the data directory: keep it elsewhere, on another disk")]
    AmongTheData(PathBuf),
    #[error("everybody on this machine may read the region key {0}: chmod 600 it")]
    Exposed(PathBuf),
    #[error("the region key {0} must be 64 hexadecimal digits")]
    Malformed(PathBuf),
    #[error(
        "the region key {path} is missing, and the key store {store} was made with it: put it back"
    )]
    Lost { path: PathBuf, store: PathBuf },
}

impl RegionKey {
    /// Reads the key from its file: 64 hexadecimal digits, outside `data`, not for everybody.
    ///
    /// # Errors
    /// [`RegionKeyError`], naming the file and what to do.
    pub fn read(path: &Path, data: &Path) -> Result<Self, RegionKeyError> {
        let failed = |cause| RegionKeyError::File {
            path: path.to_owned(),
            cause,
        };
        if lies_below(path, data).map_err(failed)? {
            return Err(RegionKeyError::AmongTheData(path.to_owned()));
        }
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(RegionKeyError::Exposed(path.to_owned()));
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
        let mut key = Secret::default();
        hex::decode_to_slice(text.trim_end(), key.as_mut_slice())
            .map_err(|_| RegionKeyError::Malformed(path.to_owned()))?;
        Ok(Self(key))
    }

    /// Reads the key, or makes one where there is none: for trying things out. A real region's key
    /// is made once, on purpose, and kept twice.
    ///
    /// # Errors
    /// As [`Self::read`]; [`RegionKeyError::Lost`] if `store` holds keys already: a new key would
    /// open none of them.
    pub fn read_or_create(path: &Path, data: &Path, store: &Path) -> Result<Self, RegionKeyError> {
        if !path.exists() {
            if KeyStore::exists(store) {
                return Err(RegionKeyError::Lost {
                    path: path.to_owned(),
                    store: store.to_owned(),
                });
            }
            create(path).map_err(|cause| RegionKeyError::File {
                path: path.to_owned(),
                cause,
            })?;
        }
        Self::read(path, data)
    }

    /// The key of the keyed request digests in the envelopes.
    pub fn request_digest_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.0, "liandong.region-key.v1 request digest")
    }

    /// What wraps the epoch keys and the region's private key.
    pub(crate) fn wrapping(&self) -> Secret {
        derive(&self.0, "liandong.region-key.v1 wrapping")
    }

    #[cfg(test)]
    pub(crate) fn random() -> Self {
        Self(Secret::new(random()))
    }
}

impl fmt::Debug for RegionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegionKey(..)")
    }
}

/// Whole under its name and on disk, or not there; of two who make it at once, one wins.
fn create(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new(""));
    create_directory(directory)?;
    let unfinished = path.with_extension(format!("new-{}", hex::encode(random::<8>())));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    let text = Zeroizing::new(hex::encode(Secret::new(random()).as_slice()));
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, a link replaces nothing.
    let named = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match named {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_directory(directory)
}

/// Whether the key, wherever its links lead, is among the data, wherever theirs do.
fn lies_below(path: &Path, data: &Path) -> io::Result<bool> {
    let key = path.canonicalize()?;
    match data.canonicalize() {
        Ok(data) => Ok(key.starts_with(data)),
        // No data yet: it cannot hold the key.
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::Region;

    use super::*;

    struct Place {
        root: tempfile::TempDir,
        data: PathBuf,
    }

    fn place() -> Place {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        fs::create_dir(&data).unwrap();
        Place { root, data }
    }

    impl Place {
        fn read_or_create(&self, path: &Path) -> Result<RegionKey, RegionKeyError> {
            RegionKey::read_or_create(path, &self.data, &self.data.join("store"))
        }
    }

    #[test]
    fn a_key_that_is_lost_is_not_replaced_by_a_new_one() {
        let place = place();
        let path = place.root.path().join("keys/region.key");
        let made = place.read_or_create(&path).unwrap();
        let store = place.data.join("store");
        KeyStore::open(&store, Region::CENTRAL, &made).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            place.read_or_create(&path),
            Err(RegionKeyError::Lost { .. })
        ));
        assert!(!path.exists());
    }

    #[test]
    fn of_two_who_make_the_key_at_once_both_have_the_same() {
        let place = place();
        let path = place.root.path().join("region.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| place.read_or_create(&path).unwrap()))
                .collect();
            makers
                .into_iter()
                .map(|made| made.join().unwrap())
                .collect()
        });
        for key in &keys {
            assert_eq!(key.request_digest_key(), keys[0].request_digest_key());
        }
        let files = fs::read_dir(place.root.path()).unwrap();
        assert_eq!(files.count(), 2, "the key and the data, nothing half made");
    }

    #[test]
    fn a_created_key_is_read_back_and_is_for_its_owner_only() {
        let place = place();
        let path = place.root.path().join("region.key");
        let made = place.read_or_create(&path).unwrap();
        let read = place.read_or_create(&path).unwrap();
        assert_eq!(made.request_digest_key(), read.request_digest_key());
        assert_ne!(made.request_digest_key(), made.wrapping());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(format!("{made:?}"), "RegionKey(..)");
    }

    #[test]
    fn a_key_among_the_data_is_refused_through_a_link_too() {
        let place = place();
        let inside = place.data.join("region.key");
        assert!(matches!(
            place.read_or_create(&inside),
            Err(RegionKeyError::AmongTheData(_))
        ));
        let link = place.root.path().join("link.key");
        std::os::unix::fs::symlink(&inside, &link).unwrap();
        assert!(matches!(
            RegionKey::read(&link, &place.data),
            Err(RegionKeyError::AmongTheData(_))
        ));
    }

    #[test]
    fn a_key_that_everybody_may_read_is_refused() {
        let place = place();
        let path = place.root.path().join("region.key");
        place.read_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        assert!(matches!(
            RegionKey::read(&path, &place.data),
            Err(RegionKeyError::Exposed(_))
        ));
    }

    #[test]
    fn a_key_that_is_no_key_is_refused() {
        let place = place();
        let path = place.root.path().join("region.key");
        place.read_or_create(&path).unwrap();
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(
            RegionKey::read(&path, &place.data),
            Err(RegionKeyError::Malformed(_))
        ));
        assert!(matches!(
            RegionKey::read(&place.root.path().join("absent"), &place.data),
            Err(RegionKeyError::File { .. })
        ));
    }
}
