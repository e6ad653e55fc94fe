//! Computed fields that are columns.

mod deep_chains;
mod it_is_kept_up;
mod links;
mod models;
mod other_kinds_of_links;
mod pairs_with_stored_fields;
mod random_changes;
mod random_links;
mod upserts_by_a_unique_key;
mod what_goes_wrong;
mod what_odoo_demands;
