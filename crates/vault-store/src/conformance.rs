//! One suite for every backend: one function per promise of the store.
//!
//! In: a fresh, empty store. Each function panics if the store breaks its promise. Out: one test
//! per promise through [`conformance_suite!`](crate::conformance_suite):
//!
//! ```
//! use std::sync::Arc;
//! use vault_store::MemoryStore;
//!
//! async fn fresh() -> (Arc<MemoryStore>, ()) {
//!     // The second half is kept until the test ends: a temporary directory, a container.
//!     (Arc::new(MemoryStore::new()), ())
//! }
//!
//! vault_store::conformance_suite!(memory, super::fresh);
//! # fn main() {}
//! ```
//!
//! The macro needs the crate `tokio` with its macros and multi-threaded runtime where it is used.
//! Not here: what only a backend with files can promise (crashes, full disks, foreign files).

pub mod audit;
pub mod blobs;
pub mod change_sets;
pub mod credentials;
pub mod files;
pub mod keys;
pub mod lists;
pub mod races;
pub mod recovery;
pub mod removal;
pub mod sample;
pub mod share_races;
pub mod share_writes;
pub mod shares;
pub mod tokens;
pub mod users;
pub mod values;
pub mod wraps;

use std::fmt::Debug;

use crate::error::StoreError;

/// Makes a module `$name` with one test per promise. `$fresh` is an async function that makes an
/// empty store, `Arc<impl Store>`, and something to keep while it is used.
#[macro_export]
macro_rules! conformance_suite {
    ($name:ident, $fresh:path) => {
        $crate::conformance_suite! { @list $name, $fresh;
            change_sets::nothing_of_a_failed_change_set_stays,
            change_sets::changes_see_the_ones_before_them,
            change_sets::empty_and_oversized_change_sets_are_refused,
            change_sets::wrong_versions_are_refused,
            change_sets::a_check_of_an_open_store_succeeds,
            users::organisations_are_kept_and_listed,
            users::users_are_kept_and_listed_by_organisation,
            users::users_need_their_organisation_and_a_new_id,
            users::replacing_expects_the_stored_version,
            users::api_keys_come_with_their_user,
            users::api_keys_are_replaced_and_deleted_at_their_version,
            users::api_keys_are_listed_by_user,
            keys::keys_are_inserted_once,
            keys::rekey_replaces_protection_and_every_pair,
            keys::rotation_adds_a_generation,
            keys::no_stored_key_pair_is_lost_or_altered,
            values::a_read_brings_all_that_opening_needs,
            values::names_are_unique_for_one_owner,
            values::a_put_expects_what_it_replaces,
            values::old_versions_are_erased_beyond_those_kept,
            values::soft_delete_hides_from_lists_alone,
            values::destroy_erases_everything,
            values::account_boxes_live_only_beside_their_wrap,
            values::wraps_need_known_recipients,
            lists::expiry_is_to_the_millisecond,
            lists::lists_are_sorted_by_bytes_and_paged,
            lists::prefixes_are_bytes_not_patterns,
            races::one_of_many_creators_wins,
            races::one_of_many_replacers_wins,
            races::no_increment_is_lost,
            races::reads_never_see_half_a_change_set,
            wraps::a_wrap_is_rotated_once,
            wraps::what_is_left_of_a_generation_is_listed,
            wraps::wraps_are_replaced_under_the_version_of_their_record,
            wraps::a_batch_reads_values_in_order,
            wraps::versions_are_listed_without_contents,
            shares::a_share_comes_with_its_wraps,
            shares::malformed_shares_are_refused,
            shares::replacing_a_share_replaces_its_wraps,
            shares::revoking_takes_wraps_and_boxes_along,
            shares::shares_are_listed_for_both_parties,
            shares::expired_shares_are_hidden_and_swept,
            shares::shares_of_hidden_values_are_hidden,
            share_writes::a_write_knows_its_recipients,
            share_writes::shares_go_with_their_record,
            share_races::every_version_reaches_every_share,
            share_races::one_of_many_sharers_wins,
            files::a_file_comes_with_what_opening_needs,
            files::files_need_ids_of_their_own,
            files::a_deleted_file_leaves_its_body_to_be_removed,
            files::a_new_body_knows_its_recipients,
            files::unused_bodies_are_told_apart,
            credentials::a_credential_comes_with_what_opening_needs,
            credentials::credential_names_are_unique_for_one_owner,
            credentials::versions_roll_back_and_never_repeat,
            credentials::malformed_credentials_are_refused,
            credentials::candidates_are_own_and_shared,
            credentials::credential_shares_follow_updates_and_deletion,
            tokens::tokens_come_with_their_user,
            tokens::tokens_are_listed_deleted_and_swept,
            tokens::scopes_live_with_their_key,
            tokens::a_standing_is_expected_as_it_was_read,
            recovery::trustees_are_kept_for_both_sides,
            recovery::a_restore_is_decided_once,
            recovery::activation_and_rekey_are_one_step,
            recovery::a_removed_trustee_leaves_no_restore,
            recovery::staging_holds_to_the_terms_and_owners_erase_what_there_is,
            removal::the_last_administrator_stays,
            removal::administrators_do_not_remove_each_other,
            removal::a_removed_user_leaves_nothing,
        }
    };
    (@list $name:ident, $fresh:path; $($group:ident :: $promise:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let (store, _kept) = $fresh().await;
                    $crate::conformance::$group::$promise(store).await;
                }
            )+
        }
    };
}

/// As [`conformance_suite!`](crate::conformance_suite) for a [`BlobStore`](crate::BlobStore):
/// `$fresh` makes an empty one, `Arc<impl BlobStore>`, and something to keep while it is used.
#[macro_export]
macro_rules! blob_conformance_suite {
    ($name:ident, $fresh:path) => {
        $crate::conformance_suite! { @list $name, $fresh;
            blobs::a_body_comes_back_from_anywhere,
            blobs::an_unfinished_body_is_none,
            blobs::a_body_is_written_once,
            blobs::a_deleted_body_is_gone,
            blobs::all_bodies_are_listed,
            blobs::a_body_set_aside_can_be_taken_back,
        }
    };
}

/// As [`conformance_suite!`](crate::conformance_suite) for audit: `$fresh` opens the empty store
/// with [`SampleSealer`](crate::conformance::sample::SampleSealer).
#[macro_export]
macro_rules! audit_conformance_suite {
    ($name:ident, $fresh:path) => {
        $crate::conformance_suite! { @list $name, $fresh;
            audit::entries_are_chained_per_organisation,
            audit::a_refused_change_set_leaves_no_entry,
            audit::a_page_of_blocks_is_bounded_in_bytes,
            audit::concurrent_entries_make_one_chain,
        }
    };
}

/// What every promise takes: a store that tasks can share.
pub type SharedStore = std::sync::Arc<dyn crate::Store>;

/// Checks that an outcome is a conflict on `what`.
fn assert_conflict<T: Debug>(outcome: Result<T, StoreError>, what: &'static str) {
    match outcome {
        Err(StoreError::Conflict { what: found }) => assert_eq!(found, what),
        other => unexpected("a conflict", &other),
    }
}

/// Checks that a request was refused for what it is.
fn assert_invalid<T: Debug>(outcome: Result<T, StoreError>) {
    if !matches!(outcome, Err(StoreError::Invalid(_))) {
        unexpected("an invalid request", &outcome);
    }
}

/// Checks that a request was refused for its size.
fn assert_too_large<T: Debug>(outcome: Result<T, StoreError>) {
    if !matches!(outcome, Err(StoreError::TooLarge(_))) {
        unexpected("a request too large", &outcome);
    }
}

#[track_caller]
fn unexpected(expected: &str, found: &dyn Debug) {
    assert_eq!(format!("{found:?}"), expected);
}
