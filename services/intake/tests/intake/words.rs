//! Every word of the domain has its word in the contract, and the other way round.

use std::fmt::Debug;
use std::str::FromStr;

use domain::intake::callbacks::CallbackOutcome;
use domain::intake::consent::{ConsentGiver, ConsentPurpose, ConsentState};
use domain::intake::contact::{AgeBand, CallerRole, Channel, Line, NonCase, SafetyMark};
use domain::intake::transitions::Phase;
use domain::intake::triage::{EmergencyService, ReportFlag, RiskReason, Subtype};
use domain::intake::{Outcome, WithoutCase};
use domain::sealed::SealedClass;
use domain::values::{CaseType, DisclosureBasis, RiskLevel, Term};
use proto::Word;
use proto::intake::v1 as pb;
use proto::types::v1 as types;
use service_runtime::grpc::{enum_number, term};

#[track_caller]
fn same_words<W: Word, T: Term + FromStr + PartialEq + Debug>() {
    let mut numbers = Vec::new();
    for word in T::ALL {
        let number = enum_number::<W>(word.name());
        let read: Result<T, _> = term::<W, T>("word", number);
        assert_eq!(read.ok(), Some(*word), "{}{word:?}", W::PREFIX);
        numbers.push(number);
    }
    let said: Vec<i32> = (1..1000)
        .filter(|number| W::full_name(*number).is_some())
        .collect();
    numbers.sort_unstable();
    assert_eq!(
        said,
        numbers,
        "{}…: the contract has other words",
        W::PREFIX
    );
}

#[test]
fn the_contract_and_the_rules_have_the_same_words() {
    same_words::<pb::Channel, Channel>();
    same_words::<pb::Line, Line>();
    same_words::<pb::CallerRole, CallerRole>();
    same_words::<pb::NonCase, NonCase>();
    same_words::<pb::AgeBand, AgeBand>();
    same_words::<pb::SafetyMark, SafetyMark>();
    same_words::<pb::Subtype, Subtype>();
    same_words::<pb::ReportFlag, ReportFlag>();
    same_words::<pb::RiskReason, RiskReason>();
    same_words::<pb::EmergencyService, EmergencyService>();
    same_words::<pb::ConsentState, ConsentState>();
    same_words::<pb::ConsentGiver, ConsentGiver>();
    same_words::<pb::ConsentPurpose, ConsentPurpose>();
    same_words::<pb::ConsentScope, SealedClass>();
    same_words::<pb::CallbackOutcome, CallbackOutcome>();
    same_words::<pb::WithoutCase, WithoutCase>();
    same_words::<pb::Outcome, Outcome>();
    same_words::<pb::Phase, Phase>();
    same_words::<types::CaseType, CaseType>();
    same_words::<types::RiskLevel, RiskLevel>();
    same_words::<types::DisclosureBasis, DisclosureBasis>();
}
