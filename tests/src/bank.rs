//! Accounts with a version, and constraints of every kind: what a write can be refused for.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Environment;
use orm_core::prelude::*;

use crate::{File, TestDb};

/// The tables
pub mod schema {
    #![allow(missing_docs)]
    diesel::table! { owners { id -> Integer, name -> Text } }
    diesel::table! {
        accounts {
            id -> Integer,
            iban -> Text,
            balance -> BigInt,
            owner_id -> Integer,
            guarantor_id -> Nullable<Integer>,
            label_code -> Nullable<Text>,
            version -> Integer,
        }
    }
    diesel::table! { entries { id -> Integer, amount -> BigInt, account_id -> Integer } }
    diesel::table! { labels (code) { code -> Text, title -> Text } }
    diesel::table! { account_labels (account_id, label_code) { account_id -> Integer, label_code -> Text } }
}
pub use schema::*;

/// The tables' SQL, for SQLite, and some rows
pub const SCHEMA: &str = "
    CREATE TABLE owners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE);
    CREATE TABLE labels (code TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL);
    CREATE TABLE accounts (id INTEGER PRIMARY KEY NOT NULL, iban TEXT NOT NULL UNIQUE,
        balance BIGINT NOT NULL DEFAULT 0 CHECK (balance >= 0),
        owner_id INTEGER NOT NULL REFERENCES owners ON DELETE CASCADE,
        guarantor_id INTEGER REFERENCES owners ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
        label_code TEXT REFERENCES labels ON DELETE RESTRICT,
        version INTEGER NOT NULL DEFAULT 1);
    CREATE TABLE entries (id INTEGER PRIMARY KEY NOT NULL, amount BIGINT NOT NULL,
        account_id INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE);
    CREATE TABLE account_labels (account_id INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        label_code TEXT NOT NULL REFERENCES labels ON DELETE CASCADE, PRIMARY KEY (account_id, label_code));
    INSERT INTO owners VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cid');
    INSERT INTO labels VALUES ('red', 'Red'), ('blue', 'Blue');
    INSERT INTO accounts (id, iban, balance, owner_id, guarantor_id, label_code) VALUES
        (1, 'BE1', 100, 1, 2, 'red'), (2, 'BE2', 200, 1, NULL, NULL), (3, 'BE3', 300, 2, 1, NULL), (4, 'BE4', 400, 3, 1, NULL);
    INSERT INTO entries VALUES (1, 60, 1), (2, 40, 1), (3, 200, 2), (4, 300, 3), (5, 400, 4);
    INSERT INTO account_labels VALUES (1, 'red'), (1, 'blue'), (3, 'blue');
";

/// Who has accounts
#[derive(Model)]
#[model(table = owners)]
pub struct Owner {
    id: i32,
    name: String,
    #[model(inverse = Account::OWNER_ID)]
    account_ids: OneToMany<Account>,
    #[model(inverse = Account::GUARANTOR_ID)]
    guaranteed_ids: OneToMany<Account>,
}

/// An account; its balance is never below zero
#[derive(Model)]
#[model(table = accounts)]
pub struct Account {
    id: i32,
    iban: String,
    balance: i64,
    owner_id: Id<Owner>,
    guarantor_id: Option<Id<Owner>>,
    label_code: Option<Id<Label>>,
    #[model(version)]
    version: i32,
    #[model(inverse = Entry::ACCOUNT_ID)]
    entry_ids: OneToMany<Entry>,
    #[model(through(account_labels::account_id, account_labels::label_code))]
    label_codes: ManyToMany<Label>,
}

/// What came to an account
#[derive(Model)]
#[model(table = entries)]
pub struct Entry {
    id: i32,
    amount: i64,
    account_id: Id<Account>,
}

/// What an account can be marked with; its key is text
#[derive(Model)]
#[model(table = labels)]
pub struct Label {
    #[model(primary_key)]
    code: String,
    title: String,
    #[model(through(account_labels::label_code, account_labels::account_id))]
    account_ids: ManyToMany<Account>,
}

/// An environment on a file of its own, with foreign keys enforced
pub fn bank() -> TestDb {
    let file = File::new(SCHEMA);
    let (connection, statements) = enforcing(&file);
    TestDb { env: Environment::builder().connection(connection).build(), statements: statements.anew(), file }
}

/// A recorded connection on which foreign keys are enforced
pub fn enforcing(file: &File) -> (crate::database::Db, crate::statements::Statements) {
    let (mut connection, statements) = file.recorded();
    connection.batch_execute(crate::database::ENFORCING).expect("a setting");
    (connection, statements)
}

/// All balances by key, as plain SQL finds them
pub fn balances(file: &File) -> Vec<(i32, i64)> {
    let accounts = accounts::table.order(accounts::id).select((accounts::id, accounts::balance));
    accounts.load(&mut file.connect()).expect("the accounts")
}
