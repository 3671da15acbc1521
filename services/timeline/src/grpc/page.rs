//! Where a page of entries ended: what had been told when the first page was read, and the last entry.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::projection::{Cursor, NoCursor};

/// The pages of one list show what had been told when the first was read, whatever comes meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageToken {
    pub(super) told: Cursor,
    pub(super) last: Uuid,
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.told, self.last)
    }
}

impl FromStr for PageToken {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (told, last) = text.split_once('/').ok_or(NoCursor)?;
        Ok(Self {
            told: told.parse()?,
            last: last.parse().map_err(|_| NoCursor)?,
        })
    }
}
