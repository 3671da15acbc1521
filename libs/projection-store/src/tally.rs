//! A sum over all rows, committed with them: whether the rows found are one state that was written.
//!
//! A checksum per row finds a row that was changed, not one that vanished or is older than its
//! neighbours, as when a damaged page is lost or an older copy of it comes back. The tally does.

use sled::Tree;

use eventsourcing::StoreError;

use crate::row::{TALLY_KEY, opened, sealed};

/// How many rows there are, and the wrapping sum of their checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    rows: u64,
    sum: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, checksum: u32) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(u64::from(checksum));
    }

    pub(crate) fn remove(&mut self, checksum: u32) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(u64::from(checksum));
    }

    /// What is stored under [`TALLY_KEY`].
    pub(crate) fn to_row(self) -> Vec<u8> {
        let value = [self.rows.to_le_bytes(), self.sum.to_le_bytes()].concat();
        sealed(TALLY_KEY, &value)
    }

    fn of_row(stored: &[u8]) -> Result<Self, StoreError> {
        let (_, value) = opened(TALLY_KEY, stored)?;
        let unreadable = || StoreError("the tally of rows is unreadable".to_owned());
        let (rows, sum) = value.split_first_chunk().ok_or_else(unreadable)?;
        Ok(Self {
            rows: u64::from_le_bytes(*rows),
            sum: u64::from_le_bytes(sum.try_into().map_err(|_| unreadable())?),
        })
    }

    /// Reads every row once, in bounded memory, and compares them with the tally they came with.
    ///
    /// # Errors
    /// The first damage found.
    pub(crate) fn verified(tree: &Tree) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let mut stated = Self::default();
        for row in tree {
            let (key, stored) = row.map_err(|error| StoreError(error.to_string()))?;
            if key == TALLY_KEY {
                stated = Self::of_row(&stored)?;
            } else {
                found.add(opened(&key, &stored)?.0);
            }
        }
        if found != stated {
            return Err(StoreError(format!(
                "{} rows were found that are not the {} that were last committed",
                found.rows, stated.rows
            )));
        }
        Ok(found)
    }
}
