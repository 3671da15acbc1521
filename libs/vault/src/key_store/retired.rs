//! The keys under which nothing more may be sealed, as everybody who seals learns of them.

use std::collections::HashMap;

use domain::ids::{CaseId, KeyId};

/// Destroyed keys, and those being destroyed, in the order in which that began; it only grows.
#[derive(Debug, Default)]
pub struct RetiredKeys {
    with: HashMap<KeyId, CaseId>,
    in_order: Vec<KeyId>,
}

impl RetiredKeys {
    pub(super) fn add(&mut self, key: KeyId, case: CaseId) {
        if self.with.insert(key, case).is_none() {
            self.in_order.push(key);
        }
    }

    /// The case with which the key was destroyed, or is being.
    pub(super) fn erased_with(&self, key: KeyId) -> Option<CaseId> {
        self.with.get(&key).copied()
    }

    /// Those after the first `known`.
    pub fn after(&self, known: usize) -> &[KeyId] {
        self.in_order.get(known..).unwrap_or_default()
    }
}
