//! How far a log's copy has come: what the publisher tells, and commands and operators are told.

use std::time::Duration;

use eventsourcing::{Durability, Position};
use tokio::sync::watch;

/// Whether commands wait for the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Circuit {
    /// The copy keeps up: commands are answered once it has what they wrote.
    Closed,
    /// The copy is away or behind: commands are answered from the own disk, and it catches up later.
    Open { why: String },
    /// The stream holds another past than the log: nothing is copied any more.
    Halted { why: String },
}

/// The state of a log's copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyState {
    /// The last position that the stream has acknowledged.
    pub at: Position,
    pub circuit: Circuit,
    /// Whether what the stream acknowledged survives the loss of one machine.
    pub replicated: bool,
    /// Whether the stream has been compared with the log since the log was opened.
    pub compared: bool,
}

/// The state, shared between the publisher that changes it and the log that waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    state: watch::Sender<CopyState>,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let state = CopyState {
            at: Position(0),
            circuit: Circuit::Open {
                why: "the stream has not been read yet".to_owned(),
            },
            replicated: false,
            compared: false,
        };
        Self {
            state: watch::Sender::new(state),
        }
    }

    pub(crate) fn state(&self) -> CopyState {
        self.state.borrow().clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut CopyState)) {
        self.state.send_modify(change);
    }

    /// What is said of a position.
    pub(crate) fn durability(&self, position: Position) -> Durability {
        let state = self.state.borrow();
        if state.replicated && position <= state.at {
            Durability::Replicated
        } else {
            Durability::Local
        }
    }

    /// Waits until the stream's end has been compared with the log for the first time.
    pub(crate) async fn compared(&self) {
        let mut changes = self.state.subscribe();
        // The sender is our own: it cannot be gone.
        let _ = changes.wait_for(|state| state.compared).await;
    }

    /// Waits until the copy has `position`. If it does not come in time, the circuit opens: the next
    /// command does not wait again for a copy that is behind.
    pub(crate) async fn wait_for(&self, position: Position, limit: Duration) {
        let mut changes = self.state.subscribe();
        let there = changes
            .wait_for(|state| state.at >= position || !matches!(state.circuit, Circuit::Closed));
        if tokio::time::timeout(limit, there).await.is_ok() {
            return;
        }
        self.state.send_if_modified(|state| {
            let late = matches!(state.circuit, Circuit::Closed) && state.at < position;
            if late {
                let why = format!("the copy did not have position {position} within {limit:?}");
                state.circuit = Circuit::Open { why };
            }
            late
        });
    }
}
