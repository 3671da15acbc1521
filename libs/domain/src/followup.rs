//! Rules and events of the followup context.
