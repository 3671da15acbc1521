//! Hops between two other regions, and how long nothing has been heard of those that are watched here.

use domain::ids::ReferralId;
use domain::referral::reactions::{HopEvent, Seen};
use domain::referral::relay_watch::silent_from;
use domain::referral::{
    AssignmentEvent, CustodyEvent, Dispatch, HopView, ReferralEvent, RelayWatch, RelayWatchEvent,
    SenderMove,
};
use domain::values::Party;
use eventsourcing::{Aggregate, Due, ProjectionError, Recorded, Rows, StreamId, decode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{HOPS, HopRow, HopRows, SILENCE, change};
use crate::inbox::Change;

/// A hop between two other regions, told from their logs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    /// None while nothing but the custodian's ruling has been heard of it.
    dispatch: Option<Box<Dispatch>>,
    view: HopView,
    /// The due time about which nothing was heard, as was raised here.
    silent_since: Option<Timestamp>,
}

impl Elsewhere {
    pub(super) fn dispatch(&self) -> Option<&Dispatch> {
        self.dispatch.as_deref()
    }

    pub(super) fn view(&self) -> &HopView {
        &self.view
    }

    pub(super) fn silent_since(&self) -> Option<Timestamp> {
        let due_at = self.view.due_at();
        self.silent_since.filter(|since| due_at == Some(*since))
    }
}

impl HopRows {
    /// An event about a hop that may lie between two other regions.
    pub(super) fn far_hop(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let Some(seen) = Seen::read(event)? else {
            return Ok(());
        };
        let Some(hop) = seen.event.hop() else {
            return Ok(());
        };
        let before: Option<HopRow> = rows.get(HOPS, hop.0.uuid.as_bytes())?;
        let is_party = |row: &HopRow| row.referral.is_some() || row.assignment.is_some();
        let told = sent(&seen.event).filter(|sent| self.concerns(sent));
        // A ruling may be heard of before the hop that it is about.
        let begins = told.is_some() || is_ruling(&seen.event);
        if before.as_ref().map_or(!begins, is_party) {
            return Ok(());
        }
        let last = Change {
            hop: hop.0.uuid,
            ..change(event)
        };
        let mut row = before
            .clone()
            .unwrap_or_else(|| HopRow::new(seen.case, last.clone()));
        let mut far = row.elsewhere.take().unwrap_or_default();
        let was_due = self.silence_due(&far);
        let was = far.clone();
        if let (None, Some(sent)) = (&far.dispatch, told) {
            let answer_due_at = sent.answer_due_at;
            far.view.sent(SenderMove::Dispatched { answer_due_at });
            far.dispatch = Some(Box::new(sent.clone()));
        }
        seen.event.tell(&mut far.view);
        // Two logs come in any order: what is told last does not depend on it.
        let is_later = last.is_later_than(&row.last);
        if far == was && !is_later {
            return Ok(());
        }
        let due = self.silence_due(&far);
        if due != was_due {
            self.watch(event, hop, due, rows)?;
        }
        row.elsewhere = Some(far);
        if is_later {
            row.last = last;
        }
        self.put(before.as_ref(), &row, rows)
    }

    pub(super) fn silence_raised(
        &self,
        event: &Recorded,
        rows: &mut Rows,
    ) -> Result<(), ProjectionError> {
        let RelayWatchEvent::OwnerSilent { hop, due_at, .. } =
            decode::<RelayWatch>(&event.envelope)?;
        let Some(before) = rows.get::<HopRow>(HOPS, hop.0.uuid.as_bytes())? else {
            return Ok(());
        };
        let mut row = before.clone();
        if let Some(far) = &mut row.elsewhere {
            far.silent_since = Some(due_at);
            let last = change(event);
            if last.is_later_than(&row.last) {
                row.last = last;
            }
            self.put(Some(&before), &row, rows)?;
        }
        Ok(())
    }

    /// Neither side is here, but the first desk of the chain is, or whoever watches.
    fn concerns(&self, sent: &Dispatch) -> bool {
        let parties = [sent.terms.from, sent.terms.to];
        let here = |unit: Party| unit.region() == self.region;
        !parties.into_iter().any(here) && (here(sent.terms.origin) || self.watches(sent))
    }

    /// Whether it is relayed here, or would come here if nobody answered.
    fn watches(&self, sent: &Dispatch) -> bool {
        let mut watching = [sent.terms.relay, sent.escalate_to].into_iter().flatten();
        watching.any(|unit| unit.region() == self.region)
    }

    /// When the owner of a hop that is watched here is silent, unless something is heard.
    fn silence_due(&self, far: &Elsewhere) -> Option<Timestamp> {
        let sent = far.dispatch.as_ref().filter(|sent| self.watches(sent))?;
        far.view
            .due_at()
            .filter(|_| !far.view.alarmed())
            .map(|due_at| match self.directory.rules(self.region) {
                Some(rules) => silent_from(due_at, sent.terms.risk, &rules),
                // The rule that is woken asks again.
                None => due_at,
            })
    }

    fn watch(
        &self,
        event: &Recorded,
        hop: ReferralId,
        due: Option<Timestamp>,
        rows: &mut Rows,
    ) -> Result<(), ProjectionError> {
        let stream = StreamId::new(RelayWatch::KIND, hop.at(self.region).0);
        let Some(due_at) = due else {
            return Ok(rows.end_duty(&stream, SILENCE)?);
        };
        Ok(rows.start_duty(&Due {
            due_at,
            duty: SILENCE.to_owned(),
            stream,
            cause: event.envelope.id,
            case: event.envelope.caseid,
        })?)
    }
}

/// The dispatch, as its sender or as its receiver records it.
fn sent(event: &HopEvent) -> Option<&Dispatch> {
    match event {
        HopEvent::Referral(ReferralEvent::Dispatched(sent))
        | HopEvent::Assignment(AssignmentEvent::Assigned(sent)) => Some(sent),
        _ => None,
    }
}

fn is_ruling(event: &HopEvent) -> bool {
    matches!(
        event,
        HopEvent::Custody(
            CustodyEvent::CustodyReleased { .. } | CustodyEvent::AcceptanceVoided { .. }
        )
    )
}
