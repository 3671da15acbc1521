//! What the service does by itself; what follows from an event of a hop is decided in `domain`.

use domain::caseteam::{CaseTeam, TeamEvent};
use domain::ids::{CaseId, ReferralId};
use domain::intake::{Intake, IntakeEvent, ProposalCause};
use domain::referral::reactions::{Reaction, Seen};
use domain::referral::{
    Assignment, AssignmentCommand, AssignmentEvent, Custody, CustodyCommand, Draft, HopKind,
    Referral, ReferralCommand, Terms,
};
use eventsourcing::{
    Aggregate, LogId, Policy, PolicyError, Recorded, Region, Rows, ScopedId, Step, decode,
};

/// Which hops have begun to be worked on.
const STARTED: &str = "start-work";

/// Custody of a case begins with the desk that opened it.
pub(crate) struct OpenCustody {
    pub(crate) log: LogId,
}

impl Policy for OpenCustody {
    fn name(&self) -> &'static str {
        "open-custody"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn react(&self, event: &Recorded, _rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let (Some(IntakeEvent::CaseOpened { custodian, .. }), Some(case)) =
            (intake_event(event)?, event.envelope.caseid)
        else {
            return Ok(Vec::new());
        };
        let custody = CaseId(case).custody_in(custodian.region());
        Ok(vec![Step::of::<Custody>(
            custody.0,
            CustodyCommand::Open { custodian },
        )])
    }
}

/// What the intake proposes is drafted: by the rule, or for the supervisor who did not wait for it.
pub(crate) struct DraftProposed {
    pub(crate) log: LogId,
}

impl Policy for DraftProposed {
    fn name(&self) -> &'static str {
        "draft-proposed-referral"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn react(&self, event: &Recorded, _rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let Some(IntakeEvent::ReferralProposed {
            from,
            to,
            case_type,
            risk,
            flags,
            summary,
            because,
        }) = intake_event(event)?
        else {
            return Ok(Vec::new());
        };
        let hop = ReferralId(ScopedId::derived(from.region(), event.envelope.id, "hop"));
        let kind = match *because {
            ProposalCause::CallbacksExhausted { .. } => HopKind::ByRule,
            ProposalCause::Supervisor { .. } => HopKind::ByWorker,
        };
        let terms = Terms {
            from,
            to,
            origin: from,
            relay: Some(to),
            kind,
            case_type,
            risk,
            flags,
            summary,
        };
        let draft = Box::new(Draft {
            hop,
            terms,
            tenure: None,
        });
        Ok(vec![Step::of::<Referral>(
            hop.0,
            ReferralCommand::Draft(draft),
        )])
    }
}

/// One of the reactions of `domain::referral::reactions`, over the hops of all regions.
pub(crate) struct FollowHops {
    pub(crate) name: &'static str,
    pub(crate) region: Region,
    pub(crate) logs: Vec<LogId>,
    pub(crate) reaction: fn(&Seen, Region) -> Option<Reaction>,
}

impl Policy for FollowHops {
    fn name(&self) -> &'static str {
        self.name
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, _rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let seen = Seen::read(event)?;
        let reaction = seen.and_then(|seen| (self.reaction)(&seen, self.region));
        Ok(reaction.into_iter().map(Step::from).collect())
    }
}

/// A hop is in progress from its team's first task on.
pub(crate) struct StartWork {
    pub(crate) region: Region,
    /// The region's caseteam log, and its own: to know which hops have started.
    pub(crate) logs: Vec<LogId>,
}

impl Policy for StartWork {
    fn name(&self) -> &'static str {
        "start-work"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let envelope = &event.envelope;
        match envelope.subject.kind.as_str() {
            Assignment::KIND => {
                if let AssignmentEvent::WorkStarted { hop } = decode::<Assignment>(envelope)? {
                    rows.put(STARTED, hop.to_string().as_bytes(), &true)?;
                }
                Ok(Vec::new())
            }
            CaseTeam::KIND => match decode::<CaseTeam>(envelope)? {
                TeamEvent::TaskAdded { hop, .. } => self.start(hop, rows),
                _ => Ok(Vec::new()),
            },
            _ => Ok(Vec::new()),
        }
    }
}

impl StartWork {
    fn start(&self, hop: ReferralId, rows: &Rows) -> Result<Vec<Step>, PolicyError> {
        if rows
            .get::<bool>(STARTED, hop.to_string().as_bytes())?
            .is_some()
        {
            return Ok(Vec::new());
        }
        let id = hop.at(self.region).0;
        Ok(vec![Step::of::<Assignment>(
            id,
            AssignmentCommand::StartWork,
        )])
    }
}

fn intake_event(event: &Recorded) -> Result<Option<IntakeEvent>, PolicyError> {
    if event.envelope.subject.kind != Intake::KIND {
        return Ok(None);
    }
    Ok(Some(decode::<Intake>(&event.envelope)?))
}
