//! Rules and events of the referral context.
