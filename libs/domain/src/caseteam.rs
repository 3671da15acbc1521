//! Rules and events of the caseteam context: who handles a case together, and what they have to do.

mod rejection;
mod roster;
mod team;
mod words;

#[cfg(test)]
mod tests;

pub use rejection::TeamRejection;
pub use roster::{Formation, Lead, Seat, Standing, Task, TaskOrder, Team};
pub use team::{CaseTeam, TeamCommand, TeamEvent};
pub use words::{
    CaseStatus, Place, RemovalReason, TRANSITIONS, TaskCancelReason, TaskKind, TaskStatus,
    TeamCommandKind, TeamRole, TeamState,
};
