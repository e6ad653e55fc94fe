//! To-many links, the managed cache, and batches: the rest of the read side (rules P5, P6, P11, P14, C3, C4).
//!
//! One binary, as linking is what a test costs; one claim per file.
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

mod a_filter_fills_what_it_fixes;
mod a_limit_is_kept_window_by_window;
mod a_limit_of_owners_with_several_key_columns;
mod a_link_can_be_in_the_order_of_its_pairs;
mod a_link_can_have_a_filter;
mod a_link_can_have_a_limit;
mod a_list_is_one_select_for_the_group;
mod a_loop_is_told_with_its_place;
mod a_scope_is_kept_to;
mod a_to_many_link_is_read_as_a_set;
mod aggregates_are_one_select_for_the_group;
mod batches_bound_memory;
mod batches_by_key_keep_nothing_of_the_whole;
mod counts_are_one_select_for_the_group;
mod every_select_is_an_event;
mod keys_are_given_back;
mod links_say_where_they_lead;
mod lists_are_weighed;
mod many_to_many_is_one_select;
mod one_to_one_is_one_select;
mod owned_copies_leave_the_environment;
mod pairs_count_in_either_direction;
mod random_changes_and_aggregates;
mod random_changes_and_conditions;
mod random_changes_and_one_to_one;
mod random_changes_and_stale_links;
mod sets_out_of_sets_cost_what_the_whole_costs;
mod several_aggregates_are_one_select;
mod the_cache_keeps_to_its_limits;
mod what_cannot_be_batched_is_told;
mod what_has_no_batch_is_no_alarm;
mod what_has_no_key_is_no_member;
mod whatever_is_held_and_whatever_was_dropped;
mod who_goes_by_another_spelling_goes;
