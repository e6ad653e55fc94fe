//! [`orm_core`] in [axum](https://docs.rs/axum): an environment for each request, in a thread that may wait for the database.
//!
//! [`Environments`] is made once, over a pool, and handed to all handlers as their state. Its [`run`](Environments::run) gives a closure an
//! environment of its own in tokio's [`spawn_blocking`](tokio::task::spawn_blocking), and brings back what it returns: data that is owned. So
//! no record is held across an `.await`.
//!
//! ```
//! use axum::{Router, routing::get};
//! use diesel::prelude::*;
//! use diesel::r2d2::{ConnectionManager, Pool};
//! use orm_core::prelude::*;
//! use orm_web::{Environments, Failure};
//! # diesel::table! { countries { id -> Integer, name -> Text } }
//! # diesel::table! { partners { id -> Integer, name -> Text, country_id -> Nullable<Integer> } }
//! # #[derive(Model)] #[model(table = countries)] struct Country { id: i32, name: String }
//! # #[derive(Model)] struct Partner { id: i32, name: String, country_id: Option<Id<Country>> }
//!
//! async fn list(environments: Environments) -> Result<String, Failure> {
//!     let list = environments.run(|env| {
//!         let mut list = String::new();
//!         for partner in &env.all::<Partner>()? {
//!             let country = partner.country_id().name()?.unwrap_or_default();     // one SELECT for the countries of all
//!             list += &format!("{} ({country})\n", partner.name()?);
//!         }
//!         Ok(list)
//!     });
//!     Ok(list.await?)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = Pool::builder().build(ConnectionManager::<SqliteConnection>::new(":memory:"))?;
//! let router: Router = Router::new().route("/partners", get(list)).with_state(Environments::new(pool));
//! # Ok(())
//! # }
//! ```

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use diesel::r2d2::{ConnectionManager, Pool};
use http::StatusCode;
use http::request::Parts;
use orm_core::{Connection, DefaultConnection, Environment, Error, Result, TransactionOptions};

/// What makes the environments of requests: cheap to clone, and an extractor of axum's, where it is the state or a part of it
///
/// A part of a state implements axum's [`FromRef`] for it.
///
/// Where several backends are on, its connection is named: `Environments<SqliteConnection>`.
pub struct Environments<C = DefaultConnection> {
    make: Arc<dyn Make<C>>,
}

/// Without a bound on `C`, so that the struct may have a default that is no connection.
trait Make<C>: Send + Sync {
    fn make(&self) -> Environment<C>
    where
        C: Connection;
}

impl<C: Connection, F: Fn() -> Environment<C> + Send + Sync> Make<C> for F {
    fn make(&self) -> Environment<C> {
        self()
    }
}

impl<C: Connection> Environments<C> {
    /// Environments over a pool
    pub fn new(pool: Pool<ConnectionManager<C>>) -> Self {
        Self::made_by(move || Environment::new(pool.clone()))
    }

    /// Environments with settings
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use diesel::r2d2::{ConnectionManager, Pool};
    /// use orm_core::Environment;
    /// use orm_web::Environments;
    /// fn strict(pool: Pool<ConnectionManager<SqliteConnection>>) -> Environments<SqliteConnection> {
    ///     Environments::made_by(move || Environment::builder().pool(pool.clone()).strict().build())
    /// }
    /// ```
    pub fn made_by(make: impl Fn() -> Environment<C> + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make) }
    }

    /// Calls a function with an environment of its own, in a thread that may wait for the database
    ///
    /// What it returns is owned: records stay behind. A panic goes on in the task that waits. If that task is given up, as that of a request
    /// whose client has gone, the function is not: what it has begun it ends.
    ///
    /// # Errors
    ///
    /// Those of the function; [`Error::Other`] if the runtime is shut down before it was called.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Environment<C>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.try_run(work).await
    }

    /// The same for a function whose errors are the application's own: they come back by value
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn try_run<T, E>(
        &self,
        work: impl FnOnce(&Environment<C>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let make = Arc::clone(&self.make);
        match tokio::task::spawn_blocking(move || work(&make.make())).await {
            Ok(done) => done,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(cancelled) => Err(Error::other(cancelled).into()),
            },
        }
    }

    /// The same in one transaction, which is undone if the function returns an error or panics
    ///
    /// # Errors
    ///
    /// Those of the function, and of the database.
    pub async fn transaction<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Environment<C>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(|env| env.transaction(|| work(env))).await
    }

    /// The same with options (isolation, read-only, time-outs and the like), and errors of the application's own
    ///
    /// # Errors
    ///
    /// Those of the function, and of the database.
    pub async fn transaction_with<T, E>(
        &self,
        options: TransactionOptions<E>,
        work: impl FnOnce(&Environment<C>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.try_run(move |env| env.transaction_with(options, || work(env))).await
    }
}

// A derive would ask for `C: Clone`.
impl<C> Clone for Environments<C> {
    fn clone(&self) -> Self {
        Self { make: Arc::clone(&self.make) }
    }
}

impl<C> fmt::Debug for Environments<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environments").finish_non_exhaustive()
    }
}

impl<C: Connection, S: Send + Sync> FromRequestParts<S> for Environments<C>
where
    Self: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::from_ref(state))
    }
}

/// The status of a response that tells of an error
///
/// | | |
/// |---|---|
/// | 404 Not Found | a record that does not exist |
/// | 409 Conflict | what somebody else has changed meanwhile, and what a constraint refuses |
/// | 422 Unprocessable Entity | a record that its model's `validate` has refused |
/// | 503 Service Unavailable | a database that does not answer, has no connection to give, or is busy with others: later it may work |
/// | 500 Internal Server Error | all else |
pub fn status(error: &Error) -> StatusCode {
    if error.is_missing_record() {
        StatusCode::NOT_FOUND
    } else if error.is_conflict() || error.violation().is_some() {
        StatusCode::CONFLICT
    } else if error.invalid().is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else if error.is_timeout()
        || error.is_retryable()
        || error.is_connection_lost()
        || matches!(error, Error::Connection { .. })
    {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// An error as the end of a handler: a response with its [`status`], and no other text than that
///
/// What an error says is for those who run the application, not for those who use it: it is told to [`tracing`], at level error if the status is
/// one of the server's, else at level debug.
#[derive(Debug, Clone)]
pub struct Failure(pub Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = status(&self.0);
        if status.is_server_error() {
            tracing::error!(error = %self.0, "{status}");
        } else {
            tracing::debug!(error = %self.0, "{status}");
        }
        (status, status.canonical_reason().unwrap_or_default()).into_response()
    }
}
