//! Who may open what: published region keys, grants of data keys, openings of texts, erasure.
//!
//! Keys themselves never appear here but wrapped for one receiver; see `vault`.

pub mod erasure;
pub mod grant;
pub mod known_case;
pub mod published_key;
pub mod receipt;
pub mod text_access;

pub use erasure::{Erasure, ErasureCommand, ErasureEvent, ErasureGround, ErasureRejection};
pub use grant::{DeliveredKey, GrantCommand, GrantEvent, GrantRejection, GrantTerms, KeyGrant};
pub use known_case::{CaseRejection, KnownCase};
pub use published_key::{
    PublishedKey, PublishedKeyCommand, PublishedKeyEvent, PublishedKeyRejection,
};
pub use receipt::{KeyReceipt, ReceiptCommand, ReceiptEvent, ReceiptRejection, ReceivedKey};
pub use text_access::{
    FoundText, KeyStanding, OpenText, TextAccess, TextAccessEvent, TextAccessRejection,
};

use eventsourcing::{Actor, Region};

use crate::acting::Acting;
use crate::values::{Role, terms};

/// The service's word for itself: the logs are `<region>.keys`.
pub const CONTEXT: &str = "keys";

terms! {
    /// For what somebody opens a text, or a region gets its keys.
    pub enum Purpose {
        /// To decide whether to take the case over.
        ReferralDecision => "转介研判",
        /// To work on the case.
        CaseHandling => "个案办理",
        /// Life or health is in danger now.
        EmergencyHelp => "紧急救助",
        /// To check how the case was handled.
        Supervision => "督导检查",
        /// Court, procuratorate or police.
        Judicial => "司法办案",
    }
}

/// Only the system does this, under a rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only the keys service itself does this")]
pub struct NotTheSystem;

impl NotTheSystem {
    pub(crate) const REASON: &'static str = "NOT_THE_SYSTEM";

    pub(crate) fn zh() -> String {
        "此操作只能由密钥服务自动执行".to_owned()
    }
}

fn check_system(actor: &Actor) -> Result<(), NotTheSystem> {
    match actor {
        Actor::System { .. } => Ok(()),
        Actor::Person { .. } => Err(NotTheSystem),
    }
}

/// The acting person, if they hold one of the roles in an organization of the region.
fn acting_in(actor: &Actor, region: Region, roles: &[Role]) -> Option<Acting> {
    Acting::of(actor)
        .filter(|acting| acting.organization.region() == region && roles.contains(&acting.role))
}

#[cfg(test)]
mod testing;
