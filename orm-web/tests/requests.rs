//! Requests that are answered by environments, and what becomes of those that fail.
#![allow(clippy::panic, clippy::unwrap_used, missing_docs)]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRef, Path};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use orm_core::prelude::*;
use orm_core::{Error, TransactionOptions};
use orm_web::{Environments, Failure};
use tempfile::TempDir;
use tower::ServiceExt;

diesel::table! { accounts { id -> Integer, name -> Text, amount -> Integer } }

#[derive(Model)]
#[model(table = accounts)]
struct Account {
    id: i32,
    name: String,
    amount: i32,
}

async fn name(environments: Environments, Path(id): Path<i32>) -> Result<String, Failure> {
    Ok(environments.run(move |env| env.record::<Account>(id).name()).await?.to_string())
}

async fn rename(environments: Environments, Path((id, name)): Path<(i32, String)>) -> Result<(), Failure> {
    Ok(environments.run(move |env| env.record::<Account>(id).set_name(name)).await?)
}

/// Moves an amount, unless the account that gives it has less.
async fn transfer(
    environments: Environments,
    Path((from, to, amount)): Path<(i32, i32, i32)>,
) -> Result<String, Failure> {
    let left = environments.transaction(move |env| {
        let (from, to) = (env.record::<Account>(from), env.record::<Account>(to));
        to.set_amount(to.amount()? + amount)?;
        from.set_amount(from.amount()? - amount)?;
        env.flush()?;
        if from.amount()? < 0 {
            return Err(Error::other("there is not so much"));
        }
        from.amount()
    });
    Ok(left.await?.to_string())
}

async fn look(environments: Environments) -> Result<String, Failure> {
    let options = TransactionOptions::new().read_only();
    let written = environments.transaction_with(options, |env| {
        let total: i32 = env.all::<Account>()?.amount()?.into_iter().sum();
        env.record::<Account>(1).set_amount(total)
    });
    written.await?;
    Ok(String::new())
}

/// Environments are a part of it.
#[derive(Clone)]
struct State {
    environments: Environments,
}

impl FromRef<State> for Environments {
    fn from_ref(state: &State) -> Self {
        state.environments.clone()
    }
}

struct Bank {
    router: Router,
    environments: Environments,
    pool: Pool<ConnectionManager<SqliteConnection>>,
    _folder: TempDir,
}

impl Bank {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manager = ConnectionManager::new(folder.path().join("bank.db").to_str().unwrap());
        let wait = std::time::Duration::from_millis(50);
        let pool = Pool::builder().max_size(2).connection_timeout(wait).build(manager).unwrap();
        let env = Environment::new(pool.clone());
        let tables = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL)";
        env.execute(diesel::sql_query(tables)).unwrap();
        env.create_many(["a", "b"].map(|name| Account::values().name(name).amount(100))).unwrap();
        let environments = Environments::new(pool.clone());
        let router = Router::new()
            .route("/{id}", get(name))
            .route("/{id}/name/{name}", post(rename))
            .route("/{from}/{to}/{amount}", post(transfer))
            .route("/look", get(look))
            .with_state(State { environments: environments.clone() });
        Self { router, environments, pool, _folder: folder }
    }

    fn ask(&self, request: Request<Body>) -> (StatusCode, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    }

    fn get(&self, path: &str) -> (StatusCode, String) {
        self.ask(Request::get(path).body(Body::empty()).unwrap())
    }

    fn post(&self, path: &str) -> (StatusCode, String) {
        self.ask(Request::post(path).body(Body::empty()).unwrap())
    }

    fn amounts(&self) -> Vec<i32> {
        Environment::new(self.pool.clone()).all::<Account>().unwrap().amount().unwrap()
    }
}

#[test]
fn a_handler_has_an_environment_and_returns_what_is_owned() {
    let bank = Bank::new();
    assert_eq!(bank.get("/1"), (StatusCode::OK, "a".into()));
    assert_eq!(bank.post("/1/2/30"), (StatusCode::OK, "70".into()));
    assert_eq!(bank.amounts(), [70, 130]);
}

#[test]
fn an_error_is_a_response_that_tells_its_status_alone() {
    let bank = Bank::new();
    assert_eq!(bank.get("/3"), (StatusCode::NOT_FOUND, "Not Found".into()));
    assert_eq!(bank.post("/1/name/b"), (StatusCode::CONFLICT, "Conflict".into()));
    let unknown = (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error".to_owned());
    assert_eq!(bank.post("/1/2/300"), unknown);
    assert_eq!(bank.get("/look"), unknown);
    let held: Vec<_> = (0..2).map(|_| bank.pool.get().unwrap()).collect();
    assert_eq!(bank.get("/1"), (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable".into()));
    drop(held);
    assert_eq!(bank.get("/1").0, StatusCode::OK);
}

#[test]
fn a_transaction_is_undone_by_an_error_and_by_a_panic() {
    let bank = Bank::new();
    assert_eq!(bank.post("/1/2/300").0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(bank.amounts(), [100, 100]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let environments = bank.environments.clone();
    let panicking = runtime.spawn(async move {
        let done: Result<(), Error> = environments
            .transaction(|env| {
                env.record::<Account>(1).set_amount(0)?;
                env.flush()?;
                panic!("on the way")
            })
            .await;
        done
    });
    let panic = runtime.block_on(panicking).unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on the way"));
    assert_eq!(bank.amounts(), [100, 100]);
}

#[test]
fn a_request_that_is_given_up_ends_what_it_has_begun() {
    let bank = Bank::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let environments = bank.environments.clone();
    let task = runtime.spawn(async move {
        let work = environments.transaction(move |env| {
            env.record::<Account>(1).set_amount(1)?;
            begun.send(()).map_err(Error::other)?;
            may_go_on.recv().map_err(Error::other)?;
            Ok(())
        });
        work.await
    });
    has_begun.recv().unwrap();
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    drop(runtime); // waits for it
    assert_eq!(bank.amounts(), [1, 100]);
}

#[test]
fn settings_are_those_of_each_environment() {
    let Bank { pool, _folder, .. } = Bank::new();
    let strict = Environments::made_by(move || Environment::builder().pool(pool.clone()).strict().build());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let looped = runtime.block_on(
        strict.run(|env| (1..=20).try_for_each(|id| env.find::<Account>(accounts::id.eq(id)).map(drop))),
    );
    assert!(looped.unwrap_err().is_unbatched());
}
