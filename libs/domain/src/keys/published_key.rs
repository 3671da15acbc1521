//! A region's public key: to which others grant keys. Published by the region itself, in its log.

use eventsourcing::{Aggregate, Fact, Occasion, Region, Rejection, RejectionKind, ScopedId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CONTEXT, NotTheSystem, check_system};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishedKeyCommand {
    /// At the first start, and again only if the region had to begin with a new key.
    Publish { region: Region, public_key: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum PublishedKeyEvent {
    RegionKeyPublished {
        region: Region,
        /// X25519, hexadecimal.
        public_key: String,
    },
}

impl Fact for PublishedKeyEvent {}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishedKeyRejection {
    #[error(transparent)]
    NotTheSystem(#[from] NotTheSystem),
    #[error("the region has published this key already")]
    AlreadyPublished,
}

impl Rejection for PublishedKeyRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotTheSystem(_) => RejectionKind::Forbidden,
            Self::AlreadyPublished => RejectionKind::AlreadyExists,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotTheSystem(_) => NotTheSystem::REASON,
            Self::AlreadyPublished => "KEY_ALREADY_PUBLISHED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotTheSystem(_) => NotTheSystem::zh(),
            Self::AlreadyPublished => "本地区已公布该公钥".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKey {
    pub public_key: Option<String>,
}

impl PublishedKey {
    /// The one stream of a region's key.
    pub fn id(region: Region) -> ScopedId {
        ScopedId::new(region, Uuid::nil())
    }
}

impl Aggregate for PublishedKey {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "public-key";
    type Command = PublishedKeyCommand;
    type Event = PublishedKeyEvent;
    type Rejection = PublishedKeyRejection;

    fn decide(
        &self,
        command: &PublishedKeyCommand,
        on: &Occasion,
    ) -> Result<Vec<PublishedKeyEvent>, PublishedKeyRejection> {
        check_system(&on.actor)?;
        let PublishedKeyCommand::Publish { region, public_key } = command;
        if self.public_key.as_ref() == Some(public_key) {
            return Err(PublishedKeyRejection::AlreadyPublished);
        }
        Ok(vec![PublishedKeyEvent::RegionKeyPublished {
            region: *region,
            public_key: public_key.clone(),
        }])
    }

    fn evolve(&mut self, event: &PublishedKeyEvent) {
        match event {
            PublishedKeyEvent::RegionKeyPublished { public_key, .. } => {
                self.public_key = Some(public_key.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::testing::given;

    use super::super::testing::{person, region};
    use super::*;
    use crate::values::Role;

    fn publish(key: &str) -> PublishedKeyCommand {
        PublishedKeyCommand::Publish {
            region: region("310000"),
            public_key: key.to_owned(),
        }
    }

    fn published(key: &str) -> PublishedKeyEvent {
        PublishedKeyEvent::RegionKeyPublished {
            region: region("310000"),
            public_key: key.to_owned(),
        }
    }

    #[test]
    fn a_region_publishes_its_key_once_and_a_new_one_after_it() {
        given::<PublishedKey>([])
            .when(publish("aa"))
            .then([published("aa")]);
        given::<PublishedKey>([published("aa")])
            .when(publish("aa"))
            .then_rejected(PublishedKeyRejection::AlreadyPublished);
        given::<PublishedKey>([published("aa")])
            .when(publish("bb"))
            .then([published("bb")]);
    }

    #[test]
    fn nobody_publishes_a_key_by_hand() {
        given::<PublishedKey>([])
            .by(person("310000", 1, Role::Administrator))
            .when(publish("aa"))
            .then_rejected(PublishedKeyRejection::NotTheSystem(NotTheSystem));
    }
}
