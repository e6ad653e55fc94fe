//! A database of a test's own, as tests/servers has them: for the tests that run there too.

use orm_core::{Environment, Error};
use orm_tests::database::{Db, File};

/// What a test returns
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

pub(crate) struct Place<C> {
    file: File,
    connection: std::marker::PhantomData<C>,
}

impl Place<Db> {
    /// An empty file
    pub(crate) fn new() -> Outcome<Option<Self>> {
        Ok(Some(Self { file: File::new(""), connection: std::marker::PhantomData }))
    }

    pub(crate) fn connect(&self) -> Outcome<Db> {
        Ok(self.file.connect())
    }

    pub(crate) fn environment(&self) -> Result<Environment<Db>, Error> {
        Environment::connect(&self.file.url())
    }
}
