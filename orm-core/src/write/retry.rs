//! Transactions that are tried again when the database has refused them for what others did at the same time.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::TransactionOptions;
use crate::backend::Connection;
use crate::{Environment, Error, Result};

/// What is waited before the second try, on average; twice as long before each further one
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Runs a closure in a transaction, again if it fails for a reason that may pass: at most so many times
pub(crate) fn transaction_with_retry<C: Connection, T, E: From<Error>>(
    env: &Environment<C>,
    tries: usize,
    options: TransactionOptions<E>,
    mut f: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let is_test_alone = env.transactions.is_of_test() && !env.transactions.are_open();
    if !is_test_alone && env.is_in_transaction()? {
        return Err(Error::Nested { what: "tries" }.into());
    }
    let mut tried = 0;
    loop {
        tried += 1;
        let error = match env.run_transaction(&options.begin, &mut f) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        // Whatever the closure has made of it
        let Some(refused) = env.transactions.take_refused() else { return Err(error) };
        env.trust_nothing();
        if tried >= tries {
            return Err(if tries > 1 {
                Error::GaveUp { tries, last: Arc::new(refused) }.into()
            } else {
                error
            });
        }
        tracing::debug!(tried, error = %refused, "transaction is tried again");
        std::thread::sleep(pause(tried));
    }
}

/// Between half of it and one and a half, so that those who were in each other's way are not again.
fn pause(tried: usize) -> Duration {
    let doubled = 1_u32.checked_shl(u32::try_from(tried - 1).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
    let longest = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    let chance = RandomState::new().hash_one(tried) % 1000;
    longest / 2 + longest.mul_f64(chance as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::{FIRST_PAUSE, LONGEST_PAUSE, pause};

    #[test]
    fn pauses_grow_up_to_the_longest() {
        for tried in 1..200 {
            let pause = pause(tried);
            assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE * 3 / 2, "{tried}: {pause:?}");
        }
        assert!(pause(20) >= LONGEST_PAUSE / 2);
    }
}
