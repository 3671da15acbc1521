//! The transition table: which command, from which place, moves a hop from which state to which.
//!
//! It is data. The same rows gate every decision of the two aggregates, are tested cell by cell,
//! and are what the API answers to "who may do what now". To add a move, add its rows, and the
//! event it leads to. Taking note of what another log has recorded is no move and has no row.

use eventsourcing::{Rejection, RejectionKind};

use super::words::{HopCommand, HopRole, HopState};
use crate::values::Term;
use HopCommand as C;
use HopRole::{ReceiverAuthorised, ReceiverWorker, Relay, SenderSupervisor, SenderWorker, System};
use HopState as S;

/// One cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// None: the hop does not exist yet.
    pub from: Option<HopState>,
    pub command: HopCommand,
    pub by: HopRole,
    pub to: Target,
}

/// Where a row leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    State(HopState),
    /// Back to where the hop stood before its cancellation was requested.
    Former,
}

const fn new(command: HopCommand, by: HopRole, to: HopState) -> Row {
    Row {
        from: None,
        command,
        by,
        to: Target::State(to),
    }
}

const fn row(from: HopState, command: HopCommand, by: HopRole, to: HopState) -> Row {
    Row {
        from: Some(from),
        command,
        by,
        to: Target::State(to),
    }
}

const fn back(from: HopState, command: HopCommand, by: HopRole) -> Row {
    Row {
        from: Some(from),
        command,
        by,
        to: Target::Former,
    }
}

/// The rows in force.
pub const TABLE: TransitionTable<'static> = TransitionTable(ROWS);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    new(C::Draft, SenderWorker, S::Draft),
    new(C::Draft, System, S::Draft),
    new(C::Escalate, System, S::Dispatched),

    row(S::Draft, C::Submit, SenderWorker, S::Submitted),
    row(S::Draft, C::Cancel, SenderWorker, S::Cancelled),
    row(S::Draft, C::Withdraw, System, S::Cancelled),
    row(S::Draft, C::Lapse, System, S::Cancelled),

    row(S::Submitted, C::Dispatch, SenderSupervisor, S::Dispatched),
    row(S::Submitted, C::RefuseSubmission, SenderSupervisor, S::Draft),
    row(S::Submitted, C::Cancel, SenderWorker, S::Cancelled),
    row(S::Submitted, C::Withdraw, System, S::Cancelled),
    row(S::Submitted, C::Lapse, System, S::Cancelled),

    row(S::Dispatched, C::Receive, ReceiverWorker, S::Received),
    row(S::Dispatched, C::Cancel, SenderWorker, S::Cancelled),
    row(S::Dispatched, C::Withdraw, System, S::Cancelled),
    row(S::Dispatched, C::Lapse, System, S::Cancelled),
    row(S::Dispatched, C::Expire, System, S::Expired),

    row(S::Received, C::RequestInformation, ReceiverWorker, S::InfoRequested),
    // Late: the wait for it is over.
    row(S::Received, C::SupplyInformation, SenderWorker, S::Received),
    row(S::Received, C::Accept, ReceiverAuthorised, S::Accepted),
    // Whoever sends on what they have not accepted makes a draft that a second person looks at.
    row(S::Received, C::ReferOnward, ReceiverWorker, S::ReferredOnward),
    row(S::Received, C::ProposeReturn, ReceiverWorker, S::ReturnProposed),
    row(S::Received, C::RequestCancellation, SenderWorker, S::CancellationRequested),
    row(S::Received, C::Withdraw, System, S::CancellationRequested),
    row(S::Received, C::Lapse, System, S::Cancelled),
    row(S::Received, C::Expire, System, S::Expired),

    row(S::InfoRequested, C::SupplyInformation, SenderWorker, S::Received),
    row(S::InfoRequested, C::EndPause, System, S::Received),
    row(S::InfoRequested, C::Accept, ReceiverAuthorised, S::Accepted),
    row(S::InfoRequested, C::ProposeReturn, ReceiverWorker, S::ReturnProposed),
    row(S::InfoRequested, C::RequestCancellation, SenderWorker, S::CancellationRequested),
    row(S::InfoRequested, C::Withdraw, System, S::CancellationRequested),
    row(S::InfoRequested, C::Lapse, System, S::Cancelled),
    row(S::InfoRequested, C::Expire, System, S::Expired),

    row(S::ReturnProposed, C::UpholdReturn, SenderSupervisor, S::Returned),
    row(S::ReturnProposed, C::Accept, ReceiverAuthorised, S::Accepted),
    row(S::ReturnProposed, C::Withdraw, System, S::CancellationRequested),
    row(S::ReturnProposed, C::Lapse, System, S::Cancelled),
    row(S::ReturnProposed, C::Expire, System, S::Expired),

    // The same person again: a retry with a new request id, not a mistake.
    row(S::Accepted, C::Accept, ReceiverAuthorised, S::Accepted),
    row(S::Accepted, C::StartWork, System, S::InProgress),
    row(S::Accepted, C::ReferOnward, ReceiverAuthorised, S::ReferredOnward),
    row(S::Accepted, C::ReferOnward, Relay, S::ReferredOnward),
    row(S::Accepted, C::RequestCancellation, SenderWorker, S::CancellationRequested),
    row(S::Accepted, C::Void, System, S::Cancelled),

    row(S::InProgress, C::ReferOnward, ReceiverAuthorised, S::ReferredOnward),
    row(S::InProgress, C::ReferOnward, Relay, S::ReferredOnward),
    row(S::InProgress, C::RequestCancellation, SenderWorker, S::CancellationRequested),
    row(S::InProgress, C::Void, System, S::Cancelled),

    // Again, to somebody else, once the hop it was sent on by has come to nothing.
    row(S::ReferredOnward, C::ReferOnward, ReceiverAuthorised, S::ReferredOnward),
    row(S::ReferredOnward, C::ReferOnward, Relay, S::ReferredOnward),
    row(S::ReferredOnward, C::Void, System, S::Cancelled),
    // While the hop it was sent on by is not under way, its clock runs.
    row(S::ReferredOnward, C::Expire, System, S::Expired),
    row(S::ReferredOnward, C::Lapse, System, S::Cancelled),

    row(S::CancellationRequested, C::ConfirmCancellation, ReceiverAuthorised, S::Cancelled),
    back(S::CancellationRequested, C::DeclineCancellation, ReceiverAuthorised),
    // A receiver that stays silent holds up neither the request nor the child.
    row(S::CancellationRequested, C::Expire, System, S::Expired),
    row(S::CancellationRequested, C::Void, System, S::Cancelled),
    row(S::CancellationRequested, C::Lapse, System, S::Cancelled),

    // Accepted, cancelled by both, and only then ruled on.
    row(S::Cancelled, C::Void, System, S::Cancelled),

    // Late, and honoured: better two units that answer than none.
    row(S::Expired, C::Accept, ReceiverAuthorised, S::Accepted),
    row(S::Expired, C::Lapse, System, S::Cancelled),
];

/// Rows, asked before every decision.
#[derive(Debug, Clone, Copy)]
pub struct TransitionTable<'a>(pub &'a [Row]);

impl TransitionTable<'_> {
    /// The row that lets one of `roles` give `command` in `state`.
    ///
    /// # Errors
    /// [`NotAllowed`], with what these roles could do instead.
    pub fn allow(
        &self,
        state: Option<HopState>,
        command: HopCommand,
        roles: &[HopRole],
    ) -> Result<Row, NotAllowed> {
        let mut rows = self.0.iter().filter(|row| roles.contains(&row.by));
        rows.find(|row| row.from == state && row.command == command)
            .copied()
            .ok_or_else(|| self.refusal(state, command, roles))
    }

    /// Whether any of `roles` may ever give `command`; for who may not, states are no concern.
    ///
    /// # Errors
    /// [`NotAllowed`], which tells nothing of any hop.
    pub fn check_place(&self, command: HopCommand, roles: &[HopRole]) -> Result<(), NotAllowed> {
        let mut rows = self.0.iter().filter(|row| row.command == command);
        if rows.any(|row| roles.contains(&row.by)) {
            return Ok(());
        }
        Err(self.refusal(None, command, &[]))
    }

    /// Why none of `roles` may give `command` in `state`, where the table has no row that lets them.
    pub fn refusal(
        &self,
        state: Option<HopState>,
        command: HopCommand,
        roles: &[HopRole],
    ) -> NotAllowed {
        let mut rows = self.0.iter().filter(|row| roles.contains(&row.by));
        let why = if rows.all(|row| row.command != command) {
            Why::Forbidden
        } else if state.is_none() {
            Why::NoSuchHop
        } else {
            Why::WrongState
        };
        NotAllowed {
            why,
            state,
            command,
            allowed: self.allowed(state, roles),
        }
    }

    /// What these roles may do now.
    pub fn allowed(&self, state: Option<HopState>, roles: &[HopRole]) -> Vec<HopCommand> {
        let rows = self.0.iter().filter(|row| row.from == state);
        let mut commands: Vec<_> = rows
            .filter(|row| roles.contains(&row.by))
            .map(|row| row.command)
            .collect();
        commands.dedup();
        commands
    }
}

/// The table has no such row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct NotAllowed {
    why: Why,
    pub state: Option<HopState>,
    pub command: HopCommand,
    /// What the actor could do instead.
    pub allowed: Vec<HopCommand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Not for this actor, in whatever state.
    Forbidden,
    NoSuchHop,
    WrongState,
}

impl NotAllowed {
    fn sentence(&self) -> String {
        let command = self.command.name();
        match (self.why, self.state) {
            (Why::Forbidden, _) => format!("{command} is not for the acting person in this hop"),
            (Why::NoSuchHop, _) | (_, None) => format!("{command}: there is no such hop"),
            (Why::WrongState, Some(state)) => {
                format!(
                    "{command} is not possible while the hop is {}",
                    state.name()
                )
            }
        }
    }
}

impl Rejection for NotAllowed {
    fn kind(&self) -> RejectionKind {
        match self.why {
            Why::Forbidden => RejectionKind::Forbidden,
            Why::NoSuchHop => RejectionKind::NotFound,
            Why::WrongState => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self.why {
            Why::Forbidden => "HOP_COMMAND_FORBIDDEN",
            Why::NoSuchHop => "HOP_NOT_FOUND",
            Why::WrongState => "HOP_STATE",
        }
    }

    fn zh(&self) -> String {
        let command = self.command.zh();
        match (self.why, self.state) {
            (Why::Forbidden, _) => format!("当前人员无权对该转介环节执行“{command}”"),
            (Why::NoSuchHop, _) | (_, None) => format!("无法执行“{command}”：该转介环节不存在"),
            (Why::WrongState, Some(state)) => {
                format!("转介环节处于“{}”状态，不能执行“{command}”", state.zh())
            }
        }
    }

    fn allowed(&self) -> Vec<String> {
        let commands = self.allowed.iter();
        commands.map(|command| command.name().to_owned()).collect()
    }
}
