//! Who relays a hop: a League committee above its sender that is asked to pass it on.

use directory_view::DirectoryView;
use domain::values::Party;

/// The receiver, where it is one of the committees above the sender.
pub(crate) fn relay_of(directory: &DirectoryView, from: Party, to: Party) -> Option<Party> {
    // Committees stand above one another in a few levels: national, province, city, district.
    const MOST_LEVELS: usize = 8;
    let above = |unit: &Party| directory.parent_committee(unit.organization);
    let mut committees = std::iter::successors(above(&from), above).take(MOST_LEVELS);
    committees
        .any(|unit| unit.organization == to.organization)
        .then_some(to)
}
