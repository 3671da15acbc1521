//! Rules and events of the keys context.
