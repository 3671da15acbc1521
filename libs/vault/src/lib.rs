//! Sealed data and the keys to it: the only crate that makes or opens a [`domain::sealed::Sealed`].
//!
//! A text is sealed under a data key of its (case, person role, class). Data keys are wrapped by the
//! epoch key of the month, epoch keys by the region key, which lives outside the data directory.
//! Whoever seals leases fresh keys ahead ([`Sealer`]); one service per region opens the store
//! ([`KeyStore`]); another region opens a text only with a key granted to it (HPKE). Destroying a
//! key destroys every text under it, and nothing else.

mod binding;
mod data_keys;
mod grant;
mod key_store;
mod region_key;
mod seal;
mod sealer;
mod secret;
mod wrapping;

pub use data_keys::{DataKeys, DataKeysError, LeasedKey, LocalKeys};
pub use grant::{GrantError, GrantPlace, GrantedKey, PublicKey};
pub use key_store::{KeyStore, KeyStoreError, RetiredKeys};
pub use region_key::{RegionKey, RegionKeyError};
pub use seal::{LARGEST_TEXT, OpenError, SealError, SealingPlace, open, seal};
pub use sealer::{Sealer, SealerError};
pub use secret::DataKey;
