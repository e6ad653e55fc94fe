//! A place of a test's own on a server: a schema of PostgreSQL, a database of MySQL. Gone when the test is over.

use std::sync::atomic::{AtomicUsize, Ordering};

use orm_core::{Environment, Error};

use crate::Server;

/// What a test returns
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// How a server makes places
pub trait Places: orm_core::Connection {
    fn server() -> &'static Server;
    /// The SQL that makes a place
    fn create(name: &str) -> String;
    /// The SQL that removes a place, if it is there
    fn drop(name: &str) -> String;
    /// The SQL that waits until no other test has the lock of that name
    fn lock(name: &str) -> String;
    /// The address of a place on the server
    fn address(server: &str, name: &str) -> String;
}

pub struct Place<C: Places> {
    /// A connection beside those of the test
    pub admin: C,
    pub address: String,
    name: String,
}

impl<C: Places> Place<C> {
    /// A place with a name that no other test has; `None` where the server does not answer
    pub fn new() -> Outcome<Option<Self>> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::make(&format!("orm_core_{}_{number}", std::process::id()), false)
    }

    /// A place with this name, which one test has at a time
    pub fn named(name: &str) -> Outcome<Option<Self>> {
        Self::make(name, true)
    }

    fn make(name: &str, shared: bool) -> Outcome<Option<Self>> {
        let server = C::server();
        let address = std::env::var(server.variable).unwrap_or_else(|_| server.address.to_owned());
        let mut admin = match C::establish(&address) {
            Ok(connection) => connection,
            Err(error) => {
                server.not_tried(&error.to_string());
                return Ok(None);
            }
        };
        if shared {
            admin.batch_execute(&C::lock(name))?;
        }
        // A process of the same number may have been killed before it could clean up.
        admin.batch_execute(&C::drop(name))?;
        admin.batch_execute(&C::create(name))?;
        Ok(Some(Self { address: C::address(&address, name), admin, name: name.to_owned() }))
    }

    /// A connection to the place
    pub fn connect(&self) -> Outcome<C> {
        Ok(C::establish(&self.address)?)
    }

    pub fn environment(&self) -> Result<Environment<C>, Error> {
        Environment::connect(&self.address)
    }
}

impl<C: Places> Drop for Place<C> {
    fn drop(&mut self) {
        if let Err(error) = self.admin.batch_execute(&C::drop(&self.name)) {
            eprintln!("`{}` could not be removed: {error}", self.name);
        }
    }
}

/// What the threads of `load` do on a server
pub mod of_servers {
    use orm_core::Isolation;

    pub const LEVELS: &[Isolation] =
        &[Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable];
    /// What each connection is told
    pub const SETTINGS: &str = "SELECT 1";
    pub const LOCKS_ROWS: bool = true;
    /// Whether who will write says so when a transaction begins
    pub const IS_IMMEDIATE: bool = false;

    macro_rules! for_update {
        ($query:expr) => {
            $query.for_update()
        };
    }
    pub(crate) use for_update;
}
