//! Writing, rule by rule: which statements, with how many binds, and what every reader sees (rules W and E of the design).
//!
//! One binary, as linking is what a test costs; one claim per file.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::use_self)]

mod a_column_may_convert_what_it_is_given;
mod a_count_is_counted_on;
#[cfg(feature = "sqlite")]
mod a_fault_of_the_database_is_an_error;
mod a_flush_is_few_statements;
mod a_key_is_as_it_is_stored;
mod a_link_that_a_trigger_keeps;
mod a_list_can_be_set_by_keys;
mod a_new_record_is_not_the_old_one;
mod a_process_that_is_killed;
mod a_refused_transaction_leaves_nothing;
mod a_row_says_when_it_was_written;
mod a_version_finds_lost_updates;
mod a_violation_names_its_fields;
mod all_or_none;
mod an_environment_leaves_no_transaction_open;
mod batches_can_be_written;
mod connections_of_the_application;
mod drafts_are_created_together;
mod equal_is_equal_as_stored;
mod functions_are_called_after_the_commit;
mod links_are_written_from_both_sides;
mod lists_follow_their_links;
mod new_records_have_their_members;
mod no_update_is_lost;
mod records_are_created_in_few_statements;
mod rows_that_may_be_there_already;
mod statements_of_your_own;
mod threads_lose_no_update;
mod transactions_put_everything_right;
mod transactions_tell_the_truth;
mod values_are_like_any_others;
mod values_never_reach_sql;
mod what_a_setter_takes;
mod what_a_test_does_is_undone;
mod what_a_trigger_keeps_can_be_left_to_it;
mod what_goes_with_a_deleted_record_is_not_cached;
mod what_is_deleted_is_gone;
mod what_is_written_is_seen_at_once;
mod what_is_written_one_by_one_is_told;
mod what_the_database_decides_is_read;
mod what_the_database_makes_is_read;
mod what_the_database_works_out;
mod what_waits_is_sent_before_it_could_be_missed;
mod who_is_known_by_a_count_alone_goes_along;
