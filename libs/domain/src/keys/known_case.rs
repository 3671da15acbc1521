//! What a region knows of a case when one of its people decides about the case's keys.

use eventsourcing::RejectionKind;

use crate::intake::AgeBand;

/// Looked up for a command of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownCase {
    Unknown,
    /// The actor's organization takes no part in it.
    OfOthers,
    /// It does.
    OwnPart {
        /// Decides whose consent, and whose request, counts.
        age_band: AgeBand,
        guardian_suspected: bool,
    },
}

/// Why somebody may not decide about a case's keys, whatever their role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaseRejection {
    #[error("this region knows no such case")]
    Unknown,
    #[error("your organization does not take part in this case")]
    TakesNoPart,
}

impl KnownCase {
    /// The young person's age, and whether the guardian is suspected; who may know it.
    pub(super) fn check(self) -> Result<(AgeBand, bool), CaseRejection> {
        match self {
            Self::Unknown => Err(CaseRejection::Unknown),
            Self::OfOthers => Err(CaseRejection::TakesNoPart),
            Self::OwnPart {
                age_band,
                guardian_suspected,
            } => Ok((age_band, guardian_suspected)),
        }
    }
}

impl CaseRejection {
    pub(super) fn kind(self) -> RejectionKind {
        match self {
            Self::Unknown => RejectionKind::NotFound,
            Self::TakesNoPart => RejectionKind::Forbidden,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "NO_SUCH_CASE",
            Self::TakesNoPart => "TAKES_NO_PART",
        }
    }

    pub(super) fn zh(self) -> String {
        match self {
            Self::Unknown => "本地区没有该个案".to_owned(),
            Self::TakesNoPart => "您所在单位未参与该个案".to_owned(),
        }
    }
}
