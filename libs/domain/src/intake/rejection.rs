//! Every way in which the rules of an intake say no.

use eventsourcing::{Rejection, RejectionKind};

use super::consent::ConsentState;
use super::transitions::{CommandKind, Phase};
use crate::transitions::NotAllowed;
use crate::values::Term;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeRejection {
    /// The transition table has no row for this phase, command and actor.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed<Phase, CommandKind>),
    /// Said of an intake of another organization, and of one that does not exist.
    #[error("the acting person's organization has no such intake")]
    OtherOrganization,
    #[error("no such intake")]
    NotFound,
    #[error("nothing about an intake can have occurred before its contact")]
    BeforeContact,
    #[error("a call needs the line that was dialled")]
    LineMissing,
    #[error("a forwarded call keeps the caller's original number")]
    OriginalNumberMissing,
    #[error("only a call has a line that was dialled")]
    LineWithoutCall,
    #[error("only a forwarded call has an original number")]
    NotForwarded,
    #[error("who calls about oneself has no identity apart from the subject's")]
    CallerIsSubject,
    #[error("a risk level needs at least one reason")]
    ReasonsMissing,
    #[error("{field} must lie in the future")]
    NotInFuture { field: &'static str },
    #[error("the window must end after it begins")]
    WindowEmpty,
    #[error("the number of the contact must not be called back")]
    DoNotCallBack,
    #[error("the contact left no number: give one")]
    NoNumber,
    #[error("no call-back is planned")]
    NoCallbackPlanned,
    #[error("this safety mark does not stand")]
    MarkNotSet,
    #[error("the guardian is the suspect by the assessment in force: reassess first")]
    GuardianStillSuspected,
    #[error("the guardian must not be told, hence not be asked")]
    GuardianMustNotKnow,
    #[error("under 14, or with the age unknown, only the guardian can consent")]
    GuardianMustConsent,
    #[error("a consent names its {field}")]
    ConsentUnbounded { field: &'static str },
    #[error("a consent that stands at {} cannot become {}", .from.name(), .to.name())]
    ConsentStep {
        from: ConsentState,
        to: ConsentState,
    },
    #[error("consent is kept in the consent ledger, not as a legal basis")]
    ConsentIsNoLegalBasis,
    #[error("a referral has been proposed already")]
    AlreadyProposed,
    #[error("no committee above this one relays referrals")]
    NobodyRelays,
    #[error("the case is in the custody of this unit already")]
    CustodyStaysHere,
    #[error("nothing is due")]
    NothingDue,
}

impl Rejection for IntakeRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAllowed(no) => no.kind(),
            Self::OtherOrganization => RejectionKind::Forbidden,
            Self::NotFound => RejectionKind::NotFound,
            Self::DoNotCallBack
            | Self::NoCallbackPlanned
            | Self::MarkNotSet
            | Self::GuardianStillSuspected
            | Self::GuardianMustNotKnow
            | Self::GuardianMustConsent
            | Self::ConsentStep { .. }
            | Self::AlreadyProposed
            | Self::NobodyRelays
            | Self::CustodyStaysHere
            | Self::NothingDue => RejectionKind::WrongState,
            Self::BeforeContact
            | Self::LineMissing
            | Self::OriginalNumberMissing
            | Self::LineWithoutCall
            | Self::NotForwarded
            | Self::CallerIsSubject
            | Self::ReasonsMissing
            | Self::NotInFuture { .. }
            | Self::WindowEmpty
            | Self::NoNumber
            | Self::ConsentUnbounded { .. }
            | Self::ConsentIsNoLegalBasis => RejectionKind::Invalid,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAllowed(no) => no.reason(),
            Self::OtherOrganization => "OTHER_ORGANIZATION",
            Self::NotFound => "INTAKE_NOT_FOUND",
            Self::BeforeContact => "BEFORE_CONTACT",
            Self::LineMissing => "LINE_MISSING",
            Self::OriginalNumberMissing => "ORIGINAL_NUMBER_MISSING",
            Self::LineWithoutCall => "LINE_WITHOUT_CALL",
            Self::NotForwarded => "NOT_FORWARDED",
            Self::CallerIsSubject => "CALLER_IS_SUBJECT",
            Self::ReasonsMissing => "RISK_REASONS_MISSING",
            Self::NotInFuture { .. } => "NOT_IN_FUTURE",
            Self::WindowEmpty => "WINDOW_EMPTY",
            Self::DoNotCallBack => "DO_NOT_CALL_BACK",
            Self::NoNumber => "NO_NUMBER",
            Self::NoCallbackPlanned => "NO_CALLBACK_PLANNED",
            Self::MarkNotSet => "SAFETY_MARK_NOT_SET",
            Self::GuardianStillSuspected => "GUARDIAN_STILL_SUSPECTED",
            Self::GuardianMustNotKnow => "GUARDIAN_MUST_NOT_KNOW",
            Self::GuardianMustConsent => "GUARDIAN_MUST_CONSENT",
            Self::ConsentUnbounded { .. } => "CONSENT_UNBOUNDED",
            Self::ConsentStep { .. } => "CONSENT_STEP",
            Self::ConsentIsNoLegalBasis => "CONSENT_IS_NO_LEGAL_BASIS",
            Self::AlreadyProposed => "REFERRAL_ALREADY_PROPOSED",
            Self::NobodyRelays => "NOBODY_RELAYS",
            Self::CustodyStaysHere => "CUSTODY_STAYS_HERE",
            Self::NothingDue => "NOTHING_DUE",
        }
    }

    fn zh(&self) -> String {
        let sentence = match self {
            Self::NotAllowed(no) => return no.zh(),
            Self::ConsentStep { from, to } => {
                return format!("知情同意不能由“{}”变更为“{}”", from.zh(), to.zh());
            }
            Self::ConsentUnbounded { field } | Self::NotInFuture { field } => {
                return self.zh_of_field(field);
            }
            Self::OtherOrganization => "操作人所属单位没有该来访记录",
            Self::NotFound => "来访记录不存在",
            Self::BeforeContact => "发生时间不能早于来访时间",
            Self::LineMissing => "电话来访须注明拨打的线路",
            Self::OriginalNumberMissing => "转接来电须保留原始号码",
            Self::LineWithoutCall => "非电话来访没有拨打的线路",
            Self::NotForwarded => "非转接来电没有原始号码",
            Self::CallerIsSubject => "本人来电，身份信息应登记在当事人名下",
            Self::ReasonsMissing => "评定风险等级须至少说明一项理由",
            Self::WindowEmpty => "回拨时段的结束时间须晚于开始时间",
            Self::DoNotCallBack => "来电号码已标注为勿回拨",
            Self::NoNumber => "来访未留号码，请提供回拨号码",
            Self::NoCallbackPlanned => "尚未安排回拨",
            Self::MarkNotSet => "该安全提示并未标注",
            Self::GuardianStillSuspected => "现行研判仍认定监护人涉嫌侵害，请先重新评估",
            Self::GuardianMustNotKnow => "已标注不得告知监护人，因此也不得征询监护人",
            Self::GuardianMustConsent => "不满十四周岁或年龄不详的，须由监护人同意",
            Self::ConsentIsNoLegalBasis => "同意应登记在知情同意台账，不作为法定依据登记",
            Self::AlreadyProposed => "已提议转介",
            Self::NobodyRelays => "本单位之上没有可中转转介的团委",
            Self::CustodyStaysHere => "个案已由本单位管护",
            Self::NothingDue => "没有到期事项",
        };
        sentence.to_owned()
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::BeforeContact => Some("meta.occurred_at"),
            Self::LineMissing | Self::LineWithoutCall => Some("line"),
            Self::OriginalNumberMissing | Self::NotForwarded => Some("original_number"),
            Self::CallerIsSubject => Some("caller_identity"),
            Self::ReasonsMissing => Some("assessment.reasons"),
            Self::NotInFuture { field } | Self::ConsentUnbounded { field } => Some(field),
            Self::WindowEmpty => Some("until"),
            Self::NoNumber => Some("number"),
            Self::ConsentIsNoLegalBasis => Some("basis"),
            _ => None,
        }
    }

    fn allowed(&self) -> Vec<String> {
        match self {
            Self::NotAllowed(no) => no.allowed(),
            _ => Vec::new(),
        }
    }
}

impl IntakeRejection {
    fn zh_of_field(&self, field: &str) -> String {
        let name = match field {
            "scope" => "可告知的范围",
            "receiver_ids" => "接收单位",
            "valid_until" => "同意的有效期",
            _ => "回拨时段的结束时间",
        };
        match self {
            Self::NotInFuture { .. } => format!("{name}须晚于当前时间"),
            _ => format!("知情同意须写明{name}"),
        }
    }
}
