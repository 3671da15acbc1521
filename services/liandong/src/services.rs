//! All services, in the order in which they stand behind one address.

use node::Hosting;

/// Every service that a region runs.
pub const HOSTINGS: &[Hosting] = &[
    directory::HOSTING,
    intake::HOSTING,
    referral::HOSTING,
    caseteam::HOSTING,
    followup::HOSTING,
    keys::HOSTING,
    timeline::HOSTING,
];
