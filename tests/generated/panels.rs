//! What a panel of a dashboard is. `RATE` stands for the window of rates.

/// Which panels: title, width (of 24), form, unit, description, and queries with their legends.
pub type Panel = (&'static str, u16, &'static str, &'static str, &'static str, &'static [Query]);
pub type Query = (&'static str, &'static str);
