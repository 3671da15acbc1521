//! Who may do what when, as data: rows of (state, command, place of the actor) that gate every decision.

use eventsourcing::{Rejection, RejectionKind};

use crate::values::Term;

/// The rows of one aggregate. What has no row is refused.
#[derive(Debug)]
pub struct Transitions<S: 'static, C: 'static, P: 'static>(pub &'static [(S, C, P)]);

/// Cells of a table that are alike: this command, in each of these states, by each of these places.
pub type Cells<S, C, P> = (C, &'static [S], &'static [P]);

/// How many rows these cells are.
pub const fn count<S, C, P>(cells: &[Cells<S, C, P>]) -> usize {
    let mut rows = 0;
    let mut cell = 0;
    while cell < cells.len() {
        rows += cells[cell].1.len() * cells[cell].2.len();
        cell += 1;
    }
    rows
}

/// The cells one by one, for a table that is written down by command; `N` is their [`count`].
pub const fn rows<S: Copy, C: Copy, P: Copy, const N: usize>(
    cells: &[Cells<S, C, P>],
) -> [(S, C, P); N] {
    let (command, states, places) = cells[0];
    let mut rows = [(states[0], command, places[0]); N];
    let mut row = 0;
    let mut cell = 0;
    while cell < cells.len() {
        let (command, states, places) = cells[cell];
        let mut state = 0;
        while state < states.len() {
            let mut place = 0;
            while place < places.len() {
                rows[row] = (states[state], command, places[place]);
                row += 1;
                place += 1;
            }
            state += 1;
        }
        cell += 1;
    }
    rows
}

impl<S, C, P> Transitions<S, C, P>
where
    S: Term + PartialEq,
    C: Term + PartialEq,
    P: Term + PartialEq,
{
    /// # Errors
    /// Forbidden if this place never may, in whatever state; else the state is wrong.
    pub fn allow(&self, state: S, command: C, place: P) -> Result<(), NotAllowed<S, C>> {
        let mut of_place = self
            .0
            .iter()
            .filter(|(_, what, who)| *what == command && *who == place)
            .peekable();
        if of_place.peek().is_none() {
            return Err(NotAllowed::Forbidden { command });
        }
        if of_place.any(|(when, _, _)| *when == state) {
            return Ok(());
        }
        Err(self.wrong_state(state, command, place))
    }

    /// The answer where the command may be given, but not now.
    pub fn wrong_state(&self, state: S, command: C, place: P) -> NotAllowed<S, C> {
        NotAllowed::WrongState {
            state,
            command,
            allowed: self.allowed(state, place),
        }
    }

    /// What this place may command in this state.
    pub fn allowed(&self, state: S, place: P) -> Vec<C> {
        let rows = self.0.iter();
        rows.filter(|(when, _, who)| *when == state && *who == place)
            .map(|(_, what, _)| *what)
            .collect()
    }
}

/// The table has no such row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed<S: Term, C: Term> {
    #[error("the acting person may not {} here", .command.name())]
    Forbidden { command: C },
    #[error(
        "{} is not possible in the state {}{}", .command.name(), .state.name(), possible(.allowed)
    )]
    WrongState {
        state: S,
        command: C,
        allowed: Vec<C>,
    },
}

fn possible<C: Term>(allowed: &[C]) -> String {
    let names: Vec<_> = allowed.iter().map(|one| one.name()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("; possible now: {}", names.join(", "))
}

fn possible_zh<C: Term>(allowed: &[C]) -> String {
    let names: Vec<_> = allowed
        .iter()
        .map(|one| format!("{}（{}）", one.zh(), one.name()))
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!("；当前可执行：{}", names.join("、"))
}

impl<S, C> Rejection for NotAllowed<S, C>
where
    S: Term + std::fmt::Debug + Send + Sync,
    C: Term + std::fmt::Debug + Send + Sync,
{
    fn kind(&self) -> RejectionKind {
        match self {
            Self::Forbidden { .. } => RejectionKind::Forbidden,
            Self::WrongState { .. } => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } => "NOT_PERMITTED",
            Self::WrongState { .. } => "WRONG_STATE",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::Forbidden { command } => format!("当前人员无权执行“{}”", command.zh()),
            Self::WrongState {
                state,
                command,
                allowed,
            } => format!(
                "当前状态为“{}”，不能执行“{}”{}",
                state.zh(),
                command.zh(),
                possible_zh(allowed)
            ),
        }
    }

    fn allowed(&self) -> Vec<String> {
        match self {
            Self::Forbidden { .. } => Vec::new(),
            Self::WrongState { allowed, .. } => {
                allowed.iter().map(|one| one.name().to_owned()).collect()
            }
        }
    }
}
