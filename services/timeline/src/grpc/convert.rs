//! From what the timeline knows to what the contract says.

use directory_view::DirectoryView;
use domain::values::{Role, Term};
use eventsourcing::{Actor, Recorded};
use jiff::Timestamp;
use proto::timeline::v1 as pb;
use service_runtime::grpc::{failure, moment};
use tonic::{Code, Status};

use crate::reading::cause_of;
use crate::replay::{ReplayError, Replayed};
use crate::sentences::{Names, line, rule};
use crate::summary::CaseRow;
use crate::verify::{LogReport, StreamReport};

pub(super) fn entry(event: &Recorded, directory: &DirectoryView) -> pb::Entry {
    let names = Names::of(directory);
    let text = line(event, &names);
    let envelope = &event.envelope;
    pb::Entry {
        event_id: envelope.id.to_string(),
        case_id: envelope
            .caseid
            .map(|case| case.to_string())
            .unwrap_or_default(),
        event_type: envelope.event_type.clone(),
        region: envelope.region.to_string(),
        stream: envelope.subject.to_string(),
        version: envelope.version.0,
        log: envelope.log().to_string(),
        position: event.position.0,
        hash: event.hash.to_string(),
        order: envelope.order.to_string(),
        occurred_at: Some(moment(envelope.time)),
        recorded_at: Some(moment(envelope.recordedtime)),
        actor: Some(actor(&envelope.actor, &names)),
        caused_by: cause_of(event)
            .map(|cause| cause.to_string())
            .unwrap_or_default(),
        text_zh: text.zh,
        text_en: text.en,
        bookkeeping: text.bookkeeping,
    }
}

pub(super) fn summary(case: &CaseRow, directory: &DirectoryView) -> pb::CaseSummary {
    let names = Names::of(directory);
    let custodian = case
        .custodian
        .map(|unit| names.organization(unit.organization));
    let last = case.last_event().map(|event| line(&event, &names));
    pb::CaseSummary {
        case_id: case.case.to_string(),
        case_type_zh: case
            .case_type
            .map(|of| of.zh().to_owned())
            .unwrap_or_default(),
        case_type: case
            .case_type
            .map(|of| of.name().to_owned())
            .unwrap_or_default(),
        risk_zh: case
            .risk
            .map(|risk| risk.zh().to_owned())
            .unwrap_or_default(),
        risk: case
            .risk
            .map(|risk| risk.name().to_owned())
            .unwrap_or_default(),
        custodian: case
            .custodian
            .map(|unit| unit.organization.to_string())
            .unwrap_or_default(),
        custodian_zh: custodian
            .as_ref()
            .map(|name| name.zh.clone())
            .unwrap_or_default(),
        custodian_en: custodian.map(|name| name.en).unwrap_or_default(),
        received_at: Some(moment(case.received_at)),
        updated_at: Some(moment(case.updated_at)),
        entries: case.entries,
        waiting: case.waiting,
        unknown_entries: case.unknown,
        opened: case.opened,
        last_text_zh: last
            .as_ref()
            .map(|line| line.zh.clone())
            .unwrap_or_default(),
        last_text_en: last.map(|line| line.en).unwrap_or_default(),
    }
}

pub(super) fn replayed(replayed: &Replayed, as_of: Timestamp) -> pb::ReplayCaseResponse {
    let aggregates = replayed
        .aggregates
        .iter()
        .map(|aggregate| pb::AggregateState {
            stream: aggregate.stream.to_string(),
            log: aggregate.log.to_string(),
            version: aggregate.version,
            state_json: aggregate.state.to_string(),
            last_event_type: aggregate.last_event_type.clone(),
            last_recorded_at: Some(moment(aggregate.last_recorded_at)),
        });
    pb::ReplayCaseResponse {
        as_of: Some(moment(as_of)),
        aggregates: aggregates.collect(),
        events: replayed.events,
    }
}

pub(super) fn verified_case(
    streams: &[StreamReport],
    logs: &[LogReport],
) -> pb::VerifyCaseResponse {
    let whole = streams.iter().all(|stream| stream.problem.is_none())
        && logs.iter().all(|log| log.problem.is_none());
    let streams = streams.iter().map(|stream| pb::VerifiedStream {
        stream: stream.stream.to_string(),
        log: stream.log.to_string(),
        events: stream.events,
        problem: stream.problem.clone().unwrap_or_default(),
    });
    pb::VerifyCaseResponse {
        whole,
        streams: streams.collect(),
        logs: logs.iter().map(verified_log).collect(),
    }
}

pub(super) fn verified_log(report: &LogReport) -> pb::VerifiedLog {
    pb::VerifiedLog {
        log: report.log.to_string(),
        events: report.events,
        head: report.head.to_string(),
        problem: report.problem.clone().unwrap_or_default(),
    }
}

/// A case cannot be replayed while its logs cannot be read whole, or not understood.
pub(super) fn not_replayed(error: &ReplayError) -> Status {
    let (code, reason, zh) = match error {
        ReplayError::Unreadable { .. } => (
            Code::DataLoss,
            "LOG_UNREADABLE",
            "日志无法完整读取，不能回放该个案",
        ),
        ReplayError::Away(_) => (
            Code::Unavailable,
            "LOG_AWAY",
            "日志暂时无法读取，请稍后再回放该个案",
        ),
        ReplayError::Hole { .. } => (
            Code::DataLoss,
            "STREAM_INCOMPLETE",
            "该个案的记录缺少版本，不能回放",
        ),
        ReplayError::Unknown(_) => (
            Code::FailedPrecondition,
            "EVENT_UNKNOWN",
            "该个案含有本程序尚不认识的事件，请升级后回放",
        ),
    };
    let en = format!("the case cannot be replayed: {error}");
    failure(code, reason, &en, zh)
}

fn actor(actor: &Actor, names: &Names<'_>) -> pb::Actor {
    match actor {
        Actor::Person {
            person,
            organization,
            role,
        } => {
            let name = organization.parse().ok().map(|id| names.organization(id));
            pb::Actor {
                person: person.clone(),
                organization: organization.clone(),
                organization_zh: name
                    .as_ref()
                    .map(|name| name.zh.clone())
                    .unwrap_or_default(),
                organization_en: name.map(|name| name.en).unwrap_or_default(),
                role: role.clone(),
                role_zh: role
                    .parse::<Role>()
                    .map(|role| role.zh().to_owned())
                    .unwrap_or_default(),
                ..pb::Actor::default()
            }
        }
        Actor::System { rule: name, .. } => pb::Actor {
            rule: name.clone(),
            rule_zh: rule(name).zh,
            ..pb::Actor::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_away_may_be_asked_for_again_and_a_broken_one_is_lost() {
        let away = ReplayError::Away("310000.intake cannot be followed now: no answer".to_owned());
        assert_eq!(not_replayed(&away).code(), Code::Unavailable);
        let broken = ReplayError::Unreadable {
            log: "310000.intake".parse().unwrap(),
            problem: "its end was cut off".to_owned(),
        };
        assert_eq!(not_replayed(&broken).code(), Code::DataLoss);
    }
}
