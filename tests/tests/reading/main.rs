//! Reading, rule by rule: how many SELECTs, with how many keys, and what a read gives (rules P, C and E of the design).
//!
//! One binary, as linking is what a test costs; one claim per file.

mod a_miss_loads_the_whole_set;
mod a_search_is_one_select;
mod planning_is_linear;
