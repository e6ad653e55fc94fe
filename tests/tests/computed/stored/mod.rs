//! Computed fields that are columns.

mod it_is_kept_up;
mod models;
mod other_kinds_of_links;
mod random_changes;
mod what_goes_wrong;
