//! Policies: when X happened, command Y. At least once, and harmless when twice.

use std::str::FromStr;

use uuid::Uuid;

use crate::aggregate::UnknownEvent;
use crate::command::Step;
use crate::envelope::Recorded;
use crate::ids::LogId;
use crate::projection::Rows;
use crate::rows::StoreError;

/// Answers events, of its own region or another, with commands to its own aggregates.
pub trait Policy: Send + Sync + 'static {
    /// Names the rule: the acting party of what it makes, and its checkpoint.
    fn name(&self) -> &'static str;

    /// Which version of the rule this is; recorded with everything it makes.
    fn version(&self) -> &'static str {
        "1"
    }

    fn logs(&self) -> Vec<LogId>;

    /// What to command because of `event`; empty if it is no concern of this policy.
    ///
    /// What the policy must remember of earlier events it keeps in `rows`, which are committed
    /// together with its checkpoint. The steps are stored together or not at all.
    ///
    /// # Errors
    /// [`PolicyError`]: tried again a few times, then the case is parked, visibly; [`PolicyError::NotYet`]
    /// is waited for.
    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error(transparent)]
    Unknown(#[from] UnknownEvent),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Failed(String),
    /// What every case needs is not here yet, as on a cold start: nothing is wrong with the event, and
    /// the policy waits with it instead of parking its case.
    #[error("{0}")]
    NotYet(String),
}

/// Why an operator gives up on an event that a policy could not act on. It stands in the log in the
/// clear, so it is a word, never a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// What the policy would have done was done by other means.
    DoneOtherwise,
    /// Nothing is owed any more because of the event.
    NoLongerApplies,
    /// The event should not have been recorded.
    RecordedInError,
    /// The event is not understood here, and will not be.
    NotUnderstood,
}

impl SkipReason {
    pub const ALL: [Self; 4] = [
        Self::DoneOtherwise,
        Self::NoLongerApplies,
        Self::RecordedInError,
        Self::NotUnderstood,
    ];

    /// As it stands in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::DoneOtherwise => "DoneOtherwise",
            Self::NoLongerApplies => "NoLongerApplies",
            Self::RecordedInError => "RecordedInError",
            Self::NotUnderstood => "NotUnderstood",
        }
    }

    pub fn en(self) -> &'static str {
        match self {
            Self::DoneOtherwise => "done by other means",
            Self::NoLongerApplies => "no longer applies",
            Self::RecordedInError => "the event was recorded in error",
            Self::NotUnderstood => "the event is not understood",
        }
    }

    pub fn zh(self) -> &'static str {
        match self {
            Self::DoneOtherwise => "已另行办理",
            Self::NoLongerApplies => "已不适用",
            Self::RecordedInError => "事件系误录",
            Self::NotUnderstood => "事件无法识别",
        }
    }
}

/// The word is no reason to skip an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a reason to skip an event")]
pub struct NotASkipReason;

impl FromStr for SkipReason {
    type Err = NotASkipReason;

    fn from_str(name: &str) -> Result<Self, NotASkipReason> {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| reason.name() == name)
            .ok_or(NotASkipReason)
    }
}

/// The request id of what a policy commands because of an event: the same however often it tries.
pub fn policy_request_id(policy: &str, cause: Uuid) -> Uuid {
    Uuid::new_v5(&cause, policy.as_bytes())
}
