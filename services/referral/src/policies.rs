//! What the service does by itself; what follows from an event of a hop is decided in `domain`.

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::caseteam::{CaseTeam, TeamEvent};
use domain::ids::{CaseId, ReferralId};
use domain::intake::{Intake, IntakeEvent, ProposalCause};
use domain::referral::reactions::{Reaction, Seen};
use domain::referral::{
    Assignment, AssignmentCommand, Chains, Custody, CustodyCommand, Draft, HopKind, Prospects,
    Referral, ReferralCommand, Terms, WithdrawalReason,
};
use eventsourcing::{
    Aggregate, LogId, Policy, PolicyError, Recorded, Region, Rows, ScopedId, Step, decode,
};

/// Which hops have begun to be worked on.
const STARTED: &str = "start-work";
/// Case -> which of its hops ask for which custody.
const PROSPECTS: &str = "lapse-hops";
/// Case -> by which hops others were sent on.
const CHAINS: &str = "tell-parent";

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

/// A hop of which nothing can come any more, because the custody that it asks for has gone, ends.
pub(crate) struct LapseHops {
    pub(crate) region: Region,
    pub(crate) logs: Vec<LogId>,
}

impl Policy for LapseHops {
    fn name(&self) -> &'static str {
        "lapse-hops"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let Some(seen) = Seen::read(event)? else {
            return Ok(Vec::new());
        };
        let key = seen.case.to_string();
        let before: Option<Prospects> = rows.get(PROSPECTS, key.as_bytes())?;
        let mut prospects = before.clone().unwrap_or_default();
        let hopeless = prospects.hear(&seen, self.region);
        if before.as_ref() != Some(&prospects) {
            rows.put(PROSPECTS, key.as_bytes(), &prospects)?;
        }
        let because = WithdrawalReason::CustodyGone;
        let lapse = |hop: ReferralId| {
            // What is over already, or may still count, stops none of the others.
            Step::where_it_applies::<Referral>(hop.0, ReferralCommand::Withdraw { because })
        };
        Ok(hopeless.into_iter().map(lapse).collect())
    }
}

/// Whoever sent a hop on is told what becomes of the hop that carries it.
pub(crate) struct TellParent {
    pub(crate) region: Region,
    pub(crate) log: LogId,
    pub(crate) directory: Arc<DirectoryView>,
}

impl Policy for TellParent {
    fn name(&self) -> &'static str {
        "tell-parent"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let Some(seen) = Seen::read(event)? else {
            return Ok(Vec::new());
        };
        let key = seen.case.to_string();
        let before: Option<Chains> = rows.get(CHAINS, key.as_bytes())?;
        let mut chains = before.clone().unwrap_or_default();
        let told = chains.hear(&seen, self.region);
        if before.unwrap_or_default() != chains {
            rows.put(CHAINS, key.as_bytes(), &chains)?;
        }
        let Some(told) = told else {
            return Ok(Vec::new());
        };
        let rules = self.directory.rules(self.region);
        let rules = rules
            .ok_or_else(|| PolicyError::Failed("no rule set is in the directory yet".to_owned()))?;
        Ok(vec![told.note(self.region, rules).into()])
    }
}

/// A hop is in progress from its team's first task on.
pub(crate) struct StartWork {
    pub(crate) region: Region,
    /// The region's caseteam log.
    pub(crate) log: LogId,
}

impl Policy for StartWork {
    fn name(&self) -> &'static str {
        "start-work"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let envelope = &event.envelope;
        if envelope.subject.kind != CaseTeam::KIND {
            return Ok(Vec::new());
        }
        let TeamEvent::TaskAdded { hop, .. } = decode::<CaseTeam>(envelope)? else {
            return Ok(Vec::new());
        };
        let key = hop.to_string();
        if rows.get::<bool>(STARTED, key.as_bytes())?.is_some() {
            return Ok(Vec::new());
        }
        // The first task of a hop starts it, whatever comes of that; the others are only tasks.
        rows.put(STARTED, key.as_bytes(), &true)?;
        let id = hop.at(self.region).0;
        let start = AssignmentCommand::StartWork;
        Ok(vec![Step::of::<Assignment>(id, start)])
    }
}

fn intake_event(event: &Recorded) -> Result<Option<IntakeEvent>, PolicyError> {
    if event.envelope.subject.kind != Intake::KIND {
        return Ok(None);
    }
    Ok(Some(decode::<Intake>(&event.envelope)?))
}
