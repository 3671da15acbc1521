//! Rules and events of the intake context.
