//! Reading, rule by rule: how many SELECTs, with how many keys, and what a read gives (rules P, C and E of the design).
//!
//! One binary, as linking is what a test costs; one claim per file.
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

mod a_long_chain_can_be_walked;
#[cfg(feature = "sqlite")]
mod a_million_records;
mod a_miss_loads_the_whole_set;
mod a_missing_row_is_its_own_error;
mod a_record_has_its_key;
mod a_search_can_bring_some_fields;
mod a_search_is_one_select;
mod an_environment_is_send;
mod any_diesel_query_finds_records;
mod cached_values_stay;
mod chains_of_any_depth;
mod deferred_columns_come_when_read;
mod diesels_query_of_a_struct_finds_records;
mod errors_name_model_key_and_field;
mod keys_of_any_type;
mod links_cost_one_select_per_thousand_targets;
mod links_of_all_shapes;
mod one_record_is_found_in_one_select;
mod planning_is_linear;
mod queries_are_counted_and_paged;
// diesel's `union` is not there for a connection that may be to any of several databases.
#[cfg(not(feature = "any"))]
mod queries_of_other_shapes_find_records;
mod records_come_with_other_columns;
mod records_have_an_order;
mod sets_are_made_of_records;
mod sets_are_natural_to_walk;
mod sets_are_searched_with_functions;
mod sets_of_two_environments;
mod statements_are_few_and_bounded;
mod statistics_are_exact;
mod subsets_read_their_own_first;
mod tables_can_be_wide;
mod the_cache_can_be_looked_into;
mod threads_share_a_pool;
mod two_sets_share_one_cache;
mod values_are_extracted;
mod values_never_reach_sql;
mod what_is_cached_can_be_printed;
mod what_is_read_anew_is_as_it_is_now;
mod what_nobody_reads_is_seen;
mod windows_are_filled;
