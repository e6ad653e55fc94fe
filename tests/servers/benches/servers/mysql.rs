//! MySQL and MariaDB

#[allow(clippy::duplicate_mod, reason = "the models are of one backend each")]
#[path = "work.rs"]
pub mod work;

pub type Db = diesel::MysqlConnection;
pub const SERIAL_KEY: &str = "INTEGER AUTO_INCREMENT PRIMARY KEY";
