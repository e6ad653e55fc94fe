//! Whether a query locks the rows that it finds.

use crate::backend::System;

/// Whether a query of this text locks the rows that it finds. One that is taken for such is right, too, only that it renews what is
/// cached.
pub(super) fn locks_rows(system: &System, sql: &str) -> bool {
    system.has_row_locks && says_lock(sql)
}

fn says_lock(sql: &str) -> bool {
    let words: Vec<&str> =
        sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let is = |at: usize, wanted: &str| words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(wanted));
    let are = |at: usize, wanted: &[&str]| wanted.iter().enumerate().all(|(i, wanted)| is(at + i, wanted));
    const LOCKS: [&[&str]; 5] = [
        &["FOR", "UPDATE"],
        &["FOR", "SHARE"],
        &["FOR", "NO", "KEY", "UPDATE"],
        &["FOR", "KEY", "SHARE"],
        &["LOCK", "IN", "SHARE", "MODE"],
    ];
    (0..words.len()).any(|at| LOCKS.iter().any(|lock| are(at, lock)))
}

#[cfg(test)]
mod tests {
    use super::says_lock;

    #[test]
    fn a_lock_is_found_in_the_text() {
        for locking in [
            "SELECT a FROM t WHERE b = $1 FOR UPDATE",
            "select a from t for no key\nupdate of t skip locked",
            "SELECT a FROM t FOR SHARE;",
            "SELECT a FROM t FOR KEY SHARE NOWAIT",
            "SELECT a FROM t LOCK IN SHARE MODE",
            "SELECT a FROM (SELECT b FROM t FOR UPDATE) AS x",
        ] {
            assert!(says_lock(locking), "{locking}");
        }
        for other in
            ["SELECT a FROM t", "SELECT for_update FROM t", "SELECT a FROM updates", "FOR", "UPDATE t FOR"]
        {
            assert!(!says_lock(other), "{other}");
        }
    }
}
