//! The names of things: regions, ids that carry their region, streams, logs, positions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use text_serde::string_serde;

/// A name that does not have the form its kind demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must look like {form}")]
pub struct InvalidId {
    pub what: &'static str,
    pub form: &'static str,
}

/// A region: the six digits of its GB/T 2260 code, e.g. `310000` for Shanghai.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 6]);

impl Region {
    /// League Central 团中央, which relays between the regions.
    pub const CENTRAL: Self = Self(*b"100000");

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only digits get in")
    }
}

impl FromStr for Region {
    type Err = InvalidId;

    fn from_str(code: &str) -> Result<Self, InvalidId> {
        match <[u8; 6]>::try_from(code.as_bytes()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(Self(digits)),
            _ => Err(InvalidId {
                what: "a region",
                form: "six digits (GB/T 2260), e.g. 310000",
            }),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An id that says which region owns the thing: `310000-<uuid>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopedId {
    pub region: Region,
    pub uuid: Uuid,
}

impl ScopedId {
    pub fn new(region: Region, uuid: Uuid) -> Self {
        Self { region, uuid }
    }

    /// The id that a create derives from its request, so that a retry makes nothing twice.
    pub fn derived(region: Region, request: Uuid, what: &str) -> Self {
        Self {
            region,
            uuid: Uuid::new_v5(&request, what.as_bytes()),
        }
    }
}

impl FromStr for ScopedId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId {
            what: "an id",
            form: "<region>-<uuid>, e.g. 310000-0199...",
        };
        let (region, uuid) = text.split_once('-').ok_or_else(|| invalid.clone())?;
        Ok(Self {
            region: region.parse()?,
            uuid: Uuid::try_parse(uuid).map_err(|_| invalid)?,
        })
    }
}

impl fmt::Display for ScopedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.region, self.uuid)
    }
}

/// One log: everything one service of one region has recorded, e.g. `310000.referral`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    pub region: Region,
    pub context: String,
}

impl LogId {
    pub fn new(region: Region, context: &str) -> Self {
        Self {
            region,
            context: context.to_owned(),
        }
    }
}

impl FromStr for LogId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId {
            what: "a log",
            form: "<region>.<context>, e.g. 310000.referral",
        };
        let (region, context) = text.split_once('.').ok_or_else(|| invalid.clone())?;
        if context.is_empty() || !context.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(invalid);
        }
        Ok(Self {
            region: region.parse()?,
            context: context.to_owned(),
        })
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.region, self.context)
    }
}

/// One stream: the history of one aggregate, e.g. `assignment/370200-<uuid>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub kind: String,
    pub id: ScopedId,
}

impl StreamId {
    pub fn new(kind: &str, id: ScopedId) -> Self {
        Self {
            kind: kind.to_owned(),
            id,
        }
    }
}

impl FromStr for StreamId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (kind, id) = text.split_once('/').ok_or(InvalidId {
            what: "a stream",
            form: "<kind>/<region>-<uuid>",
        })?;
        Ok(Self {
            kind: kind.to_owned(),
            id: id.parse()?,
        })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// Place in a log, from 1, no holes; 0 is "before the first".
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(pub u64);

/// Place in a stream, from 1, no holes; 0 is "not there yet".
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version(pub u64);

impl Position {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Version {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

string_serde!(Region, ScopedId, LogId, StreamId);

mod text_serde {
    /// Written as its text in JSON, shown as its text in `{:?}`: one spelling everywhere.
    macro_rules! string_serde {
        ($($name:ty),+) => {$(
            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    to.collect_str(self)
                }
            }
            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                    text.parse().map_err(serde::de::Error::custom)
                }
            }
            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    std::fmt::Display::fmt(self, f)
                }
            }
        )+};
    }
    pub(crate) use string_serde;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_as_it_was_written() {
        let id = "310000-01999999-9999-7999-8999-999999999999";
        assert_eq!(id.parse::<ScopedId>().unwrap().to_string(), id);
        let stream = format!("assignment/{id}");
        assert_eq!(stream.parse::<StreamId>().unwrap().to_string(), stream);
        assert_eq!(
            "310000.referral".parse::<LogId>().unwrap().to_string(),
            "310000.referral"
        );
    }

    #[test]
    fn a_malformed_name_is_refused() {
        for bad in ["", "31000", "3100000", "31000x", "３１００００"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
        for bad in ["", "310000", "310000-", "310000-xyz", "31-0199"] {
            assert!(bad.parse::<ScopedId>().is_err(), "{bad}");
        }
        for bad in ["", "310000", "310000.", "310000.a/b", "310000.A"] {
            assert!(bad.parse::<LogId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_request_derives_the_same_id() {
        let request = Uuid::from_u128(7);
        let once = ScopedId::derived(Region::CENTRAL, request, "case");
        assert_eq!(once, ScopedId::derived(Region::CENTRAL, request, "case"));
        assert_ne!(once, ScopedId::derived(Region::CENTRAL, request, "intake"));
    }
}
