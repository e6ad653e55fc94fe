//! Records are given to the function of their model that validates them.

use crate::error::BoxError;
use crate::records::{Model, Record, RecordSet};
use crate::store::Slot;
use crate::write::validate::Stopped;
use crate::{Environment, Result};

/// An error with which a record can be refused
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error that a record can be refused with",
    label = "this is to return a `Result<(), E>`, `E` an error or a text",
    note = "an error is what implements `std::error::Error`, is `Send` and `Sync`, and borrows nothing"
)]
pub trait Refusal {
    #[doc(hidden)]
    fn into_error(self) -> BoxError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> Refusal for E {
    fn into_error(self) -> BoxError {
        self.into()
    }
}

/// Validates records from a place on, which are read together.
pub fn validate<M: Model, E: Refusal>(
    env: &Environment<M::Connection>,
    slots: &[Slot],
    from: usize,
    validator: impl Fn(&Record<'_, M>) -> Result<(), E>,
) -> Result<(), Stopped> {
    let records = RecordSet::<M>::named(env, slots.to_vec());
    for (at, record) in records.iter().enumerate().skip(from) {
        let verdict = validator(&record);
        if env.is_validating_interrupted() {
            return Err(Stopped { at, error: None });
        }
        verdict.map_err(|error| Stopped { at, error: Some(error.into_error()) })?;
    }
    Ok(())
}
