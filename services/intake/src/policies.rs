//! What the service does by itself: an intake ends when the custody of its case has moved away.

use domain::ids::CaseId;
use domain::intake::{Intake, IntakeCommand};
use domain::referral::{Custody, CustodyEvent};
use eventsourcing::{Aggregate, LogId, Policy, PolicyError, Recorded, Rows, Step, decode};

/// Follows the region's own referral log: there stands the release of the custody that began here.
pub(crate) struct HandsOver {
    pub(crate) log: LogId,
}

impl Policy for HandsOver {
    fn name(&self) -> &'static str {
        "intake-hands-over"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn react(&self, event: &Recorded, _rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let envelope = &event.envelope;
        if envelope.subject.kind != Custody::KIND {
            return Ok(Vec::new());
        }
        let released = decode::<Custody>(envelope)?;
        let (CustodyEvent::CustodyReleased { to, hop, epoch, .. }, Some(case)) =
            (released, envelope.caseid)
        else {
            return Ok(Vec::new());
        };
        // A case of another region began with a contact there.
        if case.region != self.log.region {
            return Ok(Vec::new());
        }
        let command = IntakeCommand::HandOver { to, hop, epoch };
        Ok(vec![Step::of::<Intake>(CaseId(case).intake().0, command)])
    }
}
