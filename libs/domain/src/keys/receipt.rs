//! The other half of a grant: its receiver has taken the keys into its own store.
//!
//! The grant's uuid in the receiver's log, as an assignment is the hop's.

use std::collections::BTreeSet;

use eventsourcing::{Aggregate, Fact, Occasion, Region, Rejection, RejectionKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CONTEXT, NotTheSystem, check_system};
use crate::ids::{CaseId, GrantId, KeyId};
use crate::sealed::{PersonRole, SealedClass};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptCommand {
    Receive {
        case: CaseId,
        grant: GrantId,
        keys: Vec<ReceivedKey>,
        expires_at: Option<Timestamp>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ReceiptEvent {
    KeysReceived {
        case: CaseId,
        /// As the granting region knows it.
        grant: GrantId,
        /// In the store now. Keys that were destroyed here before are not among them.
        keys: Vec<ReceivedKey>,
        /// Of this and all earlier keys of the grant.
        expires_at: Option<Timestamp>,
    },
}

impl Fact for ReceiptEvent {}

/// A key that another region granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedKey {
    pub key: KeyId,
    pub role: PersonRole,
    pub class: SealedClass,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRejection {
    #[error(transparent)]
    NotTheSystem(#[from] NotTheSystem),
}

impl Rejection for ReceiptRejection {
    fn kind(&self) -> RejectionKind {
        RejectionKind::Forbidden
    }

    fn reason(&self) -> &'static str {
        NotTheSystem::REASON
    }

    fn zh(&self) -> String {
        NotTheSystem::zh()
    }
}

/// What has come in under one grant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReceipt {
    pub keys: BTreeSet<KeyId>,
    pub expires_at: Option<Timestamp>,
}

impl KeyReceipt {
    /// The grant in the log of its receiver.
    pub fn id(receiver: Region, grant: GrantId) -> GrantId {
        GrantId::new(receiver, grant.0.uuid)
    }
}

impl Aggregate for KeyReceipt {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "receipt";
    type Command = ReceiptCommand;
    type Event = ReceiptEvent;
    type Rejection = ReceiptRejection;

    fn decide(
        &self,
        command: &ReceiptCommand,
        on: &Occasion,
    ) -> Result<Vec<ReceiptEvent>, ReceiptRejection> {
        check_system(&on.actor)?;
        let ReceiptCommand::Receive {
            case,
            grant,
            keys,
            expires_at,
        } = command.clone();
        Ok(vec![ReceiptEvent::KeysReceived {
            case,
            grant,
            keys,
            expires_at,
        }])
    }

    fn evolve(&mut self, event: &ReceiptEvent) {
        match event {
            ReceiptEvent::KeysReceived {
                keys, expires_at, ..
            } => {
                self.keys.extend(keys.iter().map(|received| received.key));
                self.expires_at = *expires_at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::testing::given;

    use super::super::testing::{at, case, key, person, region};
    use super::*;
    use crate::keys::KeyGrant;
    use crate::values::Role;

    fn receive(number: u128, until: &str) -> ReceiptCommand {
        ReceiptCommand::Receive {
            case: case(),
            grant: KeyGrant::id(region("310000"), case(), region("370200")),
            keys: vec![ReceivedKey {
                key: key(number),
                role: PersonRole::Subject,
                class: SealedClass::Summary,
            }],
            expires_at: Some(at(until)),
        }
    }

    fn received(number: u128, until: &str) -> ReceiptEvent {
        let ReceiptCommand::Receive {
            case,
            grant,
            keys,
            expires_at,
        } = receive(number, until);
        ReceiptEvent::KeysReceived {
            case,
            grant,
            keys,
            expires_at,
        }
    }

    #[test]
    fn keys_of_one_grant_add_up_and_all_end_when_it_ends() {
        let later = "2027-01-01T00:00:00Z";
        let state = given::<KeyReceipt>([received(1, "2026-02-01T00:00:00Z")])
            .when(receive(2, later))
            .then([received(2, later)])
            .state();
        assert_eq!(state.keys, [key(1), key(2)].into());
        assert_eq!(state.expires_at, Some(at(later)));
    }

    #[test]
    fn nobody_receives_keys_by_hand() {
        given::<KeyReceipt>([])
            .by(person("370200", 1, Role::Administrator))
            .when(receive(1, "2026-02-01T00:00:00Z"))
            .then_rejected(ReceiptRejection::NotTheSystem(NotTheSystem));
    }
}
