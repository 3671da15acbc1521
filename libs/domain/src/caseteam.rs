//! Rules and events of the caseteam context.
