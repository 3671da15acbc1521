//! Policies: when X happened, command Y. At least once, and harmless when twice.

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
    /// [`PolicyError`]: tried again a few times, then the case is parked, visibly.
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
}

/// The request id of what a policy commands because of an event: the same however often it tries.
pub fn policy_request_id(policy: &str, cause: Uuid) -> Uuid {
    Uuid::new_v5(&cause, policy.as_bytes())
}
