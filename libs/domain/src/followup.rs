//! Rules and events of the followup context: the visits that are owed to a young person, and what came of them.

mod plan;
mod rejection;
mod words;

#[cfg(test)]
mod tests;

pub use plan::{Charge, FollowUpPlan, Opening, PlanCommand, PlanEvent, Report, Standing, Visit};
pub use rejection::PlanRejection;
pub use words::{
    Place, PlanCommandKind, PlanState, TRANSITIONS, VisitKind, VisitResult, VisitStatus,
};
