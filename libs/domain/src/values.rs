//! Values shared by the contexts: each enum shows its Chinese term, each struct cannot be wrong once made.

use serde::{Deserialize, Serialize};

use crate::ids::{DeskId, OrganizationId};
use eventsourcing::Region;

/// A word of the domain as people see it.
pub trait Term: Sized + Copy + 'static {
    /// Every value, in the order of the domain's tables.
    const ALL: &'static [Self];
    /// The Chinese term.
    fn zh(self) -> &'static str;
    /// The name in code, which is also the word stored and the English one.
    fn name(self) -> &'static str;
}

/// Defines an enum of plain words with their Chinese terms.
macro_rules! terms {
    ($(#[$doc:meta])+ pub enum $name:ident { $($(#[$vdoc:meta])* $variant:ident => $zh:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $crate::values::Term for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)+ }
            }

            fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::values::UnknownTerm;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $(stringify!($variant) => Ok(Self::$variant),)+
                    _ => Err($crate::values::UnknownTerm { what: stringify!($name) }),
                }
            }
        }
    };
}
pub(crate) use terms;

/// A word that the domain does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a known {what}")]
pub struct UnknownTerm {
    pub what: &'static str,
}

/// A unit that takes part in a hop: an organization and the desk it acts through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Party {
    pub organization: OrganizationId,
    pub desk: DeskId,
}

impl Party {
    pub fn region(&self) -> Region {
        self.organization.region()
    }
}

terms! {
    /// What a worker may do, as the directory says; several may be held.
    pub enum Role {
        /// Answers calls, drafts, receives.
        Worker => "工作人员",
        /// Approves what leaves the desk; a second person.
        Supervisor => "督导",
        /// May accept a case for the organization.
        Authorised => "授权负责人",
        /// Visits people; someone outside the handling unit for return visits.
        Visitor => "回访员",
        /// Reads and verifies everything, changes nothing.
        Auditor => "审计员",
        /// Keeps the directory, parked cases, keys.
        Administrator => "管理员",
    }
}

terms! {
    /// Dalian's four case types.
    pub enum CaseType {
        Protection => "保护型",
        FamilyDysfunction => "家庭功能失调型",
        PsychologicalSupport => "需要心理支持型",
        GrowthDilemma => "成长困境型",
    }
}

terms! {
    /// How bad and how soon; each level has its clocks in the rule set. Ordered worst first.
    pub enum RiskLevel {
        /// Life in danger now; 110/120 in parallel.
        Immediate => "紧急",
        /// Plan or means, ongoing abuse.
        High => "一级",
        /// Risk, no present danger.
        Medium => "二级",
        /// Support need.
        Low => "三级",
        /// Signs only.
        Watch => "预警",
    }
}

terms! {
    /// The basis on which personal data leave a region. Every one but consent needs a reason and an approver.
    pub enum DisclosureBasis {
        /// 14 or older.
        ConsentSelf => "本人同意",
        /// Under 14, or age unknown.
        ConsentGuardian => "监护人同意",
        LegalDuty => "法定职责",
        /// Life or health.
        Emergency => "紧急情况",
        /// The reporter's identity stays sealed.
        MandatoryReport => "强制报告",
        /// The guardian is neither asked nor told.
        GuardianSuspect => "监护人涉嫌侵害",
        MissingChild => "未成年人失踪",
        HarmToOthers => "可能伤害他人",
        /// Court or procuratorate.
        Judicial => "司法要求",
    }
}
