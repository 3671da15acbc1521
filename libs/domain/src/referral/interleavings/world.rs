//! Four regions' logs of one case, without disks and networks: the three aggregates and the
//! reactions, and news that travels when a test says so.

use std::collections::BTreeMap;

use eventsourcing::{Actor, Aggregate, Occasion, Region, Version};
use jiff::Timestamp;
use uuid::Uuid;

use crate::ids::ReferralId;
use crate::referral::assignment::{Assignment, AssignmentCommand};
use crate::referral::chains::Chains;
use crate::referral::custody::{Custody, CustodyCommand, CustodyEvent};
use crate::referral::hop_view::HopView;
use crate::referral::moves::Ruling;
use crate::referral::prospects::Prospects;
use crate::referral::reactions::{
    HopEvent, Reaction, Seen, escalation_of, expire, keep_custody, tell_receiver, tell_sender,
    withdraw,
};
use crate::referral::requests::{self, Known, Next, parent};
use crate::referral::samples::*;
use crate::referral::sender::{Referral, ReferralCommand, ReferralEvent};
use crate::referral::terms::{Draft, Tenure, Terms};
use crate::referral::transitions::TABLE;
use crate::referral::words::{HopCommand, HopRole, HopState, WithdrawalReason};
use crate::values::{Party, Role};

pub(super) const REGIONS: [&str; 4] = [SHANGHAI, CENTRAL, QINGDAO, NANJING];
type Follower = fn(&Seen, Region) -> Option<Reaction>;
const FOLLOWERS: [Follower; 4] = [tell_receiver, tell_sender, keep_custody, withdraw];

/// Region, log and follower: everybody who hears of a log.
pub(super) type Listener = (usize, usize, usize);
/// Followers that remember: which hops nothing can come of, and what carries on a hop.
const PROSPECTS: usize = FOLLOWERS.len();
const CHAINS: usize = PROSPECTS + 1;

pub(super) fn listeners() -> impl Iterator<Item = Listener> {
    let regions = 0..REGIONS.len();
    let pairs = regions
        .clone()
        .flat_map(move |at| regions.clone().map(move |from| (at, from)));
    pairs.flat_map(|(at, from)| (0..=CHAINS).map(move |follower| (at, from, follower)))
}

/// Four regions' logs of one case, and how much of each other's they have heard.
#[derive(Default)]
pub(super) struct World {
    pub(super) logs: BTreeMap<&'static str, Vec<Seen>>,
    pub(super) referrals: BTreeMap<ReferralId, (Referral, Version)>,
    pub(super) assignments: BTreeMap<ReferralId, (Assignment, Version)>,
    pub(super) custodies: BTreeMap<Region, Custody>,
    pub(super) heard: BTreeMap<Listener, usize>,
    pub(super) prospects: BTreeMap<Region, Prospects>,
    pub(super) chains: BTreeMap<Region, Chains>,
    pub(super) case_opened: bool,
    pub(super) minutes: i64,
    pub(super) hops_made: u128,
}

impl World {
    pub(super) fn now(&self) -> Timestamp {
        at(self.minutes)
    }

    pub(super) fn custody(&self, region: Region) -> Custody {
        self.custodies.get(&region).cloned().unwrap_or_default()
    }

    pub(super) fn referral(&self, hop: ReferralId) -> Referral {
        let found = self.referrals.get(&hop);
        found
            .map(|(referral, _)| referral.clone())
            .unwrap_or_default()
    }

    pub(super) fn assignment(&self, hop: ReferralId) -> Assignment {
        let found = self.assignments.get(&hop);
        found
            .map(|(assignment, _)| assignment.clone())
            .unwrap_or_default()
    }

    /// All of it in one append to the log of `region`, or nothing if any of it is refused.
    pub(super) fn append(&mut self, region: Region, actor: &Actor, steps: Vec<Reaction>) -> bool {
        let on = Occasion {
            actor: actor.clone(),
            now: self.now(),
            occurred_at: self.now(),
        };
        let mut events = Vec::new();
        for step in steps {
            let decided: Option<Vec<_>> = match &step {
                Reaction::Referral(id, command) => {
                    assert_eq!(id.region(), region, "a log is written in its own region");
                    let decided = self.referral(*id).decide(command, &on).ok();
                    decided.map(|all| {
                        all.into_iter()
                            .map(|e| (*id, HopEvent::Referral(e)))
                            .collect()
                    })
                }
                Reaction::Assignment(id, command) => {
                    assert_eq!(id.region(), region, "a log is written in its own region");
                    let hop = self.hop_of(id.0.uuid, command);
                    let decided = self.assignment(hop).decide(command, &on).ok();
                    decided.map(|all| {
                        all.into_iter()
                            .map(|e| (hop, HopEvent::Assignment(e)))
                            .collect()
                    })
                }
                Reaction::Custody(id, command) => {
                    assert_eq!(id.region(), region, "a log is written in its own region");
                    let decided = self.custody(region).decide(command, &on).ok();
                    decided.map(|all| {
                        all.into_iter()
                            .map(|e| (hop(0), HopEvent::Custody(e)))
                            .collect()
                    })
                }
            };
            let Some(decided) = decided else { return false };
            events.extend(decided);
        }
        for (hop, event) in events {
            self.store(region, hop, event);
        }
        true
    }

    /// The model keeps assignments by the hop; the sender's region comes with the dispatch.
    pub(super) fn hop_of(&self, uuid: Uuid, command: &AssignmentCommand) -> ReferralId {
        if let AssignmentCommand::Assign(dispatch) = command {
            return dispatch.hop;
        }
        let known = self.assignments.keys().find(|hop| hop.0.uuid == uuid);
        *known.expect("nothing reaches an assignment before its dispatch")
    }

    pub(super) fn store(&mut self, region: Region, hop: ReferralId, event: HopEvent) {
        let version = match &event {
            HopEvent::Referral(event) => {
                let (referral, version) = self.referrals.entry(hop).or_default();
                referral.evolve(event);
                *version = version.next();
                *version
            }
            HopEvent::Assignment(event) => {
                let (assignment, version) = self.assignments.entry(hop).or_default();
                assignment.evolve(event);
                *version = version.next();
                *version
            }
            HopEvent::Custody(event) => {
                self.custodies.entry(region).or_default().evolve(event);
                Version(1)
            }
        };
        let code = REGIONS.into_iter().find(|code| **code == *region.as_str());
        let log = self
            .logs
            .entry(code.expect("a region of this test"))
            .or_default();
        log.push(Seen {
            region,
            case: case(),
            version,
            event,
        });
    }

    pub(super) fn open_case(&mut self) {
        let shanghai = region(SHANGHAI);
        let open = CustodyCommand::Open {
            custodian: unit(SHANGHAI),
        };
        let opened = self.append(
            shanghai,
            &system(),
            vec![Reaction::Custody(case().custody_in(shanghai), open)],
        );
        assert!(opened);
        self.case_opened = true;
    }

    pub(super) fn new_hop(&mut self, from: Party) -> ReferralId {
        self.hops_made += 1;
        ReferralId::new(from.region(), Uuid::from_u128(1_000 + self.hops_made))
    }

    pub(super) fn sends(&mut self, to: usize) {
        let holder = REGIONS
            .into_iter()
            .find_map(|code| self.custody(region(code)).held());
        let Some(held) = holder else { return };
        let from = held.tenure.custodian;
        let to = unit(REGIONS[to]);
        if to == from {
            return;
        }
        let hop = self.new_hop(from);
        let terms = Terms {
            from,
            to,
            relay: None,
            ..terms()
        };
        let draft = Box::new(Draft {
            hop,
            terms,
            tenure: None,
        });
        let code = code_of(from);
        let worker = acting(code, Role::Worker);
        let here = from.region();
        let drafted = ReferralCommand::Draft(draft);
        assert!(self.append(here, &worker, vec![Reaction::Referral(hop, drafted)]));
        let submitted = ReferralCommand::Submit(emergency());
        assert!(self.append(here, &worker, vec![Reaction::Referral(hop, submitted)]));
        self.dispatch(hop);
    }

    pub(super) fn dispatch(&mut self, hop: ReferralId) {
        let here = hop.region();
        let supervisor = acting(code_of(self.terms(hop).from), Role::Supervisor);
        let dispatch = ReferralCommand::Dispatch {
            tenure: self.custody(here).held().map(|held| held.tenure),
            consents: vec![],
            escalate_to: parent(self.terms(hop).to),
            rules: rules(),
        };
        self.append(here, &supervisor, vec![Reaction::Referral(hop, dispatch)]);
    }

    pub(super) fn terms(&self, hop: ReferralId) -> Terms {
        self.referral(hop)
            .terms()
            .cloned()
            .expect("the hop was drafted")
    }

    /// Everything that the table lets people do with this hop, at either side.
    pub(super) fn choices(&self, hop: ReferralId) -> Vec<(HopCommand, HopRole)> {
        let sender = self.referral(hop).view().state();
        let receiver = self.assignment(hop).view().state();
        let rows = TABLE.0.iter().filter(|row| {
            let here = if row.command.is_senders() {
                sender
            } else {
                receiver
            };
            row.by != HopRole::System && row.from.is_some() && row.from == here
        });
        let mut choices: Vec<_> = rows.map(|row| (row.command, row.by)).collect();
        // Also what only the system does, but not by following an event of these logs.
        if receiver == Some(HopState::Accepted) {
            choices.push((HopCommand::StartWork, HopRole::System));
        }
        choices
    }

    pub(super) fn acts(&mut self, hop: usize, choice: usize, to: usize) {
        let hops: Vec<_> = self.referrals.keys().copied().collect();
        let Some(hop) = hops.get(hop % hops.len().max(1)).copied() else {
            return;
        };
        let choices = self.choices(hop);
        let chosen = choices.get(choice % choices.len().max(1)).copied();
        // What is cancelled at once makes no story: most of the time somebody thinks better of it.
        let rash = |command| command == HopCommand::Cancel && !choice.is_multiple_of(5);
        let Some((command, by)) = chosen.filter(|(command, _)| !rash(*command)) else {
            return;
        };
        let terms = self.terms(hop);
        let actor = match by {
            HopRole::SenderWorker => acting(code_of(terms.from), Role::Worker),
            HopRole::SenderSupervisor => acting(code_of(terms.from), Role::Supervisor),
            HopRole::Relay => acting(code_of(terms.to), Role::Supervisor),
            HopRole::ReceiverWorker => acting(code_of(terms.to), Role::Worker),
            HopRole::ReceiverAuthorised => acting(code_of(terms.to), Role::Authorised),
            HopRole::Visitor | HopRole::System => system(),
        };
        let steps = self.steps(hop, command, unit(REGIONS[to]));
        let here = if command.is_senders() {
            terms.from
        } else {
            terms.to
        };
        self.append(here.region(), &actor, steps);
    }

    /// The steps of one request.
    pub(super) fn steps(
        &mut self,
        hop: ReferralId,
        command: HopCommand,
        to: Party,
    ) -> Vec<Reaction> {
        let (terms, assignment) = (self.terms(hop), self.assignment(hop));
        let earlier = assignment.view().child();
        let next = (command == HopCommand::ReferOnward).then(|| Next {
            child: self.new_hop(terms.to),
            to,
            earlier_child: earlier.and_then(|child| self.referral(child).view().state()),
        });
        let known = Known {
            hop,
            terms: &terms,
            referral: &self.referral(hop),
            assignment: &assignment,
            custody: &self.custody(hop.region()),
        };
        requests::steps(&known, command, next)
    }

    /// A listener hears event number `index` of its log, and does what follows; none if nothing.
    pub(super) fn hears(&mut self, (at, from, follower): Listener, index: usize) -> Option<()> {
        let seen = self.logs.get(REGIONS[from])?.get(index)?.clone();
        let here = region(REGIONS[at]);
        let reactions: Vec<_> = match follower {
            PROSPECTS => {
                let because = WithdrawalReason::CustodyGone;
                let hopeless = self.prospects.entry(here).or_default().hear(&seen, here);
                let lapse = |hop| Reaction::Referral(hop, ReferralCommand::Withdraw { because });
                hopeless.into_iter().map(lapse).collect()
            }
            CHAINS => {
                let chains = self.chains.entry(here).or_default();
                let told = chains.hear(&seen, here);
                told.map(|told| told.note(here, rules()))
                    .into_iter()
                    .collect()
            }
            _ => FOLLOWERS[follower](&seen, here).into_iter().collect(),
        };
        // Each for itself: what is over already stops nothing else.
        let concerned = !reactions.is_empty();
        for reaction in reactions {
            self.append(here, &system(), vec![reaction]);
        }
        concerned.then_some(())
    }

    pub(super) fn hears_next(&mut self, listener: Listener) -> bool {
        let length = self.logs.get(REGIONS[listener.1]).map_or(0, Vec::len);
        let next = self.heard.get(&listener).copied().unwrap_or(0);
        for index in next..length {
            self.heard.insert(listener, index + 1);
            if self.hears(listener, index).is_some() {
                return true;
            }
        }
        false
    }

    pub(super) fn settle(&mut self) {
        if !self.case_opened {
            self.open_case();
        }
        while listeners().any(|listener| self.hears_next(listener)) {
            self.check_custody();
        }
    }

    /// The clock turns, and the system does what falls due.
    pub(super) fn time_passes(&mut self, minutes: i64) {
        self.minutes += minutes;
        let hops: Vec<_> = self.referrals.keys().copied().collect();
        for hop in hops {
            let referral = self.referral(hop);
            if let Some(sent) = referral.dispatch() {
                let above = sent.escalate_to.and_then(parent);
                let steps = expire(sent, sent.escalate_to, above, &rules());
                self.append(hop.region(), &system(), steps);
            }
            if let Some(sent) = self.assignment(hop).dispatch() {
                let receiver = hop.at(sent.terms.to.region());
                let over = Reaction::Assignment(receiver, AssignmentCommand::EndPause);
                self.append(receiver.region(), &system(), vec![over]);
            }
        }
    }

    /// Never nobody, never two; what was released and not yet taken is its receiver's.
    pub(super) fn check_custody(&self) {
        let held = REGIONS
            .into_iter()
            .filter(|code| self.custody(region(code)).held().is_some());
        let events = || self.logs.values().flatten();
        let released = events()
            .filter(|seen| {
                matches!(
                    seen.event,
                    HopEvent::Custody(CustodyEvent::CustodyReleased { .. })
                )
            })
            .count();
        let taken = events()
            .filter(|seen| {
                matches!(
                    seen.event,
                    HopEvent::Custody(CustodyEvent::CustodyTaken { .. })
                )
            })
            .count();
        let with_intake = usize::from(!self.case_opened);
        assert_eq!(held.count() + released - taken + with_intake, 1);
    }

    /// When all news has arrived.
    pub(super) fn check_settled(&self) {
        for (hop, (referral, _)) in &self.referrals {
            let view = referral.view();
            let Some(sent) = referral.dispatch() else {
                continue;
            };
            let (assignment, _) = &self.assignments[hop];
            let there = assignment.view();
            assert_eq!(view.state(), there.state(), "{hop}: {view:?} {there:?}");
            assert_eq!(view.ruling(), there.ruling(), "{hop}");
            assert_eq!(view.due_at(), there.due_at(), "{hop}: {view:?} {there:?}");
            assert_eq!(view.state(), self.told_from_outside(*hop).state(), "{hop}");
            assert_eq!(
                self.rulings(*hop),
                usize::from(view.accepted()),
                "{hop}: {:?}",
                sent.tenure
            );
            self.check_way_on(*hop, view);
            self.check_hope(*hop, referral);
        }
        let held = REGIONS
            .into_iter()
            .find_map(|code| self.custody(region(code)).held());
        if let Some(hop) = held.expect("nothing is under way").tenure.by_hop {
            let view = self.referral(hop).view().clone();
            assert!(view.accepted() && view.ruling() == Some(Ruling::Released));
        }
    }

    /// A hop is over for both, or somebody can do something, or the clock will.
    pub(super) fn check_way_on(&self, hop: ReferralId, view: &HopView) {
        let state = view.state().expect("it was drafted");
        let over = match state {
            HopState::Returned | HopState::Cancelled | HopState::Expired => true,
            HopState::ReferredOnward => view.child_under_way(),
            _ => false,
        };
        assert!(over || !self.choices(hop).is_empty(), "{hop} stands still");
        let decided = over || view.accepted();
        assert!(
            decided || view.due_at().is_some(),
            "{hop} has no clock in {state:?}"
        );
        if state == HopState::Expired {
            let next = escalation_of(hop);
            assert!(self.referrals.contains_key(&next), "{hop} went to nobody");
        }
        if let Some(child) = view.child() {
            assert!(
                self.referrals.contains_key(&child),
                "{hop} was sent on to nobody"
            );
        }
    }

    /// Nobody is kept busy with a hop whose custody has gone to another; and of a hop that was sent
    /// on, one clock runs: its own, or that of the hop that carries it.
    pub(super) fn check_hope(&self, hop: ReferralId, referral: &Referral) {
        let (view, sent) = (
            referral.view(),
            referral.dispatch().expect("it was dispatched"),
        );
        let gone = self.logs.values().flatten().any(|seen| {
            matches!(seen.event, HopEvent::Custody(CustodyEvent::CustodyReleased {
                from, by_hop, hop: winner, ..
            }) if Tenure { custodian: from, by_hop } == sent.tenure && winner != hop)
        });
        assert!(!gone || view.due_at().is_none(), "{hop}: {view:?}");
        let Some(child) = view
            .child()
            .filter(|_| view.state() == Some(HopState::ReferredOnward))
        else {
            return;
        };
        let came_to_nothing = matches!(
            self.referral(child).view().state(),
            Some(HopState::Returned | HopState::Cancelled)
        );
        let escalated = self.referrals.contains_key(&escalation_of(child));
        let waits = self.referral(child).dispatch().is_none() || came_to_nothing && !escalated;
        let runs = view.due_at().is_some();
        assert!(view.accepted() || waits == runs, "{hop} {view:?} {child}");
    }

    pub(super) fn rulings(&self, of: ReferralId) -> usize {
        let events = self.logs.values().flatten();
        events
            .filter(|seen| match seen.event {
                HopEvent::Custody(
                    CustodyEvent::CustodyReleased { hop, .. }
                    | CustodyEvent::AcceptanceVoided { hop, .. },
                ) => hop == of,
                _ => false,
            })
            .count()
    }

    /// The hop as somebody folds it who only reads the logs, one after the other.
    pub(super) fn told_from_outside(&self, of: ReferralId) -> HopView {
        let mut view = HopView::default();
        for seen in self.logs.values().flatten() {
            if seen.event.hop() == Some(of) {
                seen.event.tell(&mut view);
            }
        }
        view
    }
}

pub(super) fn code_of(party: Party) -> &'static str {
    let code = REGIONS
        .into_iter()
        .find(|code| *code == party.region().as_str());
    code.expect("a region of this test")
}

impl World {
    /// Somebody does something; to Qingdao, if it is sending on.
    pub(super) fn does(
        &mut self,
        hop: ReferralId,
        command: HopCommand,
        code: &'static str,
        role: Role,
    ) {
        let steps = self.steps(hop, command, unit(QINGDAO));
        let done = self.append(region(code), &acting(code, role), steps);
        assert!(done, "{command:?} by {code} was refused");
    }

    /// Somebody sends a hop on.
    pub(super) fn sends_on(&mut self, hop: ReferralId, by: &'static str, to: &'static str) {
        let steps = self.steps(hop, HopCommand::ReferOnward, unit(to));
        self.append(region(by), &acting(by, Role::Authorised), steps);
    }

    /// How often a duty officer was alarmed.
    pub(super) fn alarms(&self) -> usize {
        let events = self.logs.values().flatten();
        let alarm = |seen: &&Seen| {
            let HopEvent::Referral(event) = &seen.event else {
                return false;
            };
            matches!(event, ReferralEvent::DutyOfficerAlarmed { .. })
        };
        events.filter(alarm).count()
    }

    /// Everybody in `at` hears all that stands in the log of `from`, and nothing else.
    pub(super) fn hears_all(&mut self, at: &str, from: &str) {
        let index = |code| REGIONS.iter().position(|region| *region == code);
        let (at, from) = (index(at).unwrap(), index(from).unwrap());
        for follower in 0..=CHAINS {
            while self.hears_next((at, from, follower)) {}
        }
    }

    pub(super) fn custodian(&self) -> Party {
        let held = REGIONS
            .into_iter()
            .find_map(|code| self.custody(region(code)).held());
        held.expect("nothing is under way").tenure.custodian
    }

    pub(super) fn states(&self, hop: ReferralId) -> [Option<HopState>; 2] {
        [
            self.referral(hop).view().state(),
            self.assignment(hop).view().state(),
        ]
    }
}
