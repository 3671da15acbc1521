//! Cases as other services would record them: contacts, dispatches, acceptances.

use domain::ids::{CaseId, ReferralId};
use domain::intake::contact::{CallerRole, Channel, Contact, Matter, Subject};
use domain::intake::{AgeBand, Intake, IntakeEvent};
use domain::referral::{
    Acceptance, Assignment, AssignmentEvent, Dispatch, HopKind, Referral, ReferralEvent,
    Submission, Tenure, Terms,
};
use domain::sealed::{PersonRole, SealedClass};
use domain::values::{CaseType, DisclosureBasis, Party, RiskLevel};
use eventsourcing::testing::envelope;
use eventsourcing::{
    Aggregate, Append, Body, Clock, Envelope, Order, Recorded, Region, ScopedId, StreamId, Version,
    Write, encode,
};
use jiff::SignedDuration;
use uuid::Uuid;
use vault::SealingPlace;

use crate::world::{SHANGHAI, World};

/// A case of Shanghai, begun with a contact.
pub(crate) struct Case {
    pub(crate) id: CaseId,
    pub(crate) contact: Recorded,
    pub(crate) hop: ReferralId,
}

impl World {
    /// Puts an event into a region's log, as its service would.
    pub(crate) async fn record<A: Aggregate>(
        &self,
        region: &str,
        id: ScopedId,
        case: CaseId,
        event: &A::Event,
    ) -> Recorded {
        let log = self.log(region, A::CONTEXT);
        let stream = StreamId::new(A::KIND, id);
        let history = log.read(&stream, Version(1)).await.unwrap();
        let version = history
            .last()
            .map_or(Version(0), |last| last.envelope.version);
        let encoded = encode(event);
        let event_type = format!("{}.{}", A::CONTEXT, encoded.name);
        let now = self.clock.now();
        let envelope = Envelope {
            subject: stream.clone(),
            dataschema: format!("urn:liandong:{event_type}:1"),
            event_type,
            caseid: Some(case.0),
            time: now,
            recordedtime: now,
            order: Order {
                millis: u64::try_from(now.as_millisecond()).unwrap(),
                counter: 0,
            },
            data: encoded.data,
            ..envelope(&log.id().to_string(), A::KIND, version.0 + 1)
        };
        let write = Write {
            stream: stream.clone(),
            expected: version,
            events: vec![Body::seal(&envelope).unwrap()],
        };
        let append = Append {
            request: envelope.requestid,
            writes: vec![write],
        };
        log.append(append).await.unwrap();
        self.settle().await;
        log.read(&stream, version.next()).await.unwrap().remove(0)
    }

    /// Shanghai records a contact; `said` is its narrative.
    pub(crate) async fn contact(&self, said: &str) -> Case {
        let home: Region = SHANGHAI.parse().unwrap();
        let id = CaseId::new(home, Uuid::now_v7());
        let intake = ScopedId::new(home, Uuid::now_v7());
        let place = SealingPlace {
            case: id,
            stream: StreamId::new(Intake::KIND, intake),
            event: "ContactRecorded",
            field: "narrative",
            role: PersonRole::Subject,
            class: SealedClass::Narrative,
        };
        let narrative = self.seal(SHANGHAI, &place, said).await;
        let contact = Contact {
            channel: Channel::Phone,
            line: None,
            number: None,
            original_number: None,
            caller_role: CallerRole::Oneself,
            caller_identity: None,
            matter: Matter::Concern {
                subject: Subject {
                    age_band: AgeBand::FourteenToSeventeen,
                    lives_in: None,
                    identity: None,
                },
                narrative,
            },
        };
        let event = IntakeEvent::ContactRecorded {
            desk: self.desk("sh-12355"),
            received_at: self.clock.now(),
            contact: Box::new(contact),
        };
        let contact = self.record::<Intake>(SHANGHAI, intake, id, &event).await;
        Case {
            id,
            contact,
            hop: ReferralId::new(home, Uuid::now_v7()),
        }
    }

    /// A region sends the case on, with a summary that it seals itself.
    pub(crate) async fn dispatch(
        &self,
        case: &Case,
        sender: &str,
        from: Party,
        to: Party,
        summary: &str,
    ) -> Recorded {
        let hop = ReferralId::new(sender.parse().unwrap(), case.hop.0.uuid);
        let place = SealingPlace {
            case: case.id,
            stream: StreamId::new(Referral::KIND, hop.0),
            event: "Dispatched",
            field: "summary",
            role: PersonRole::Subject,
            class: SealedClass::Summary,
        };
        let dispatch = Dispatch {
            hop,
            terms: Terms {
                from,
                to,
                origin: self.desk("sh-12355"),
                relay: None,
                kind: HopKind::ByWorker,
                case_type: CaseType::PsychologicalSupport,
                risk: RiskLevel::Immediate,
                flags: [].into(),
                summary: self.seal(sender, &place, summary).await,
            },
            submission: Submission {
                basis: DisclosureBasis::Emergency,
                basis_reason: None,
                age_band: AgeBand::FourteenToSeventeen,
                guardian_suspected: false,
                consents: vec![],
            },
            approved_by: None,
            tenure: tenure(from),
            answer_due_at: self.clock.now() + SignedDuration::from_mins(30),
            rules_version: "1".to_owned(),
            escalate_to: None,
        };
        let event = ReferralEvent::Dispatched(Box::new(dispatch));
        self.record::<Referral>(sender, hop.0, case.id, &event)
            .await
    }

    /// Shanghai sends the case to Qingdao.
    pub(crate) async fn dispatch_to_qingdao(&self, case: &Case, summary: &str) -> Recorded {
        let (from, to) = (self.desk("sh-12355"), self.desk("qd-12355"));
        self.dispatch(case, SHANGHAI, from, to, summary).await
    }

    /// A unit of a region accepts the case.
    pub(crate) async fn accept(&self, case: &Case, region: &str, unit: Party) -> Recorded {
        let from = self.desk("sh-12355");
        let acceptance = Acceptance {
            hop: case.hop,
            unit,
            by: self.worker("qd-authorised"),
            from,
            origin: from,
            relay: None,
            case_type: CaseType::PsychologicalSupport,
            risk: RiskLevel::Immediate,
            tenure: tenure(from),
        };
        let event = AssignmentEvent::Accepted(Box::new(acceptance));
        let id = case.hop.at(region.parse().unwrap()).0;
        self.record::<Assignment>(region, id, case.id, &event).await
    }
}

fn tenure(custodian: Party) -> Tenure {
    Tenure {
        custodian,
        by_hop: None,
    }
}
