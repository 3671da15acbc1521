//! How far the sender of a hop has come.

use serde::{Deserialize, Serialize};

use crate::ids::WorkerId;
use crate::referral::basis::Submission;
use crate::referral::terms::{Dispatch, Draft, Terms};

/// How far the sender itself has come, with what it knows by then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum Stage {
    #[default]
    Nothing,
    Drafted(Box<Draft>),
    Submitted {
        draft: Box<Draft>,
        by: WorkerId,
        submission: Box<Submission>,
    },
    Dispatched(Box<Dispatch>),
}

impl Stage {
    pub(super) fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Nothing => None,
            Self::Drafted(draft) | Self::Submitted { draft, .. } => Some(&draft.terms),
            Self::Dispatched(dispatch) => Some(&dispatch.terms),
        }
    }

    pub(super) fn dispatch(&self) -> Option<&Dispatch> {
        match self {
            Self::Dispatched(dispatch) => Some(dispatch),
            _ => None,
        }
    }

    pub(super) fn submission(&self) -> Option<&Submission> {
        match self {
            Self::Nothing | Self::Drafted(_) => None,
            Self::Submitted { submission, .. } => Some(submission),
            Self::Dispatched(dispatch) => Some(&dispatch.submission),
        }
    }

    pub(super) fn submitted(&mut self, by: WorkerId, submission: &Submission) {
        if let Self::Drafted(draft) = std::mem::take(self) {
            let submission = Box::new(submission.clone());
            *self = Self::Submitted {
                draft,
                by,
                submission,
            };
        }
    }

    /// Its draft stands again.
    pub(super) fn refused(&mut self) {
        if let Self::Submitted { draft, .. } = std::mem::take(self) {
            *self = Self::Drafted(draft);
        }
    }
}
