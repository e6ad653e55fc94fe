//! This package is its tests. Here is what is compiled where the features of all backends are on.
//!
//! A crate that says which connection its models have is compiled:
//!
#![cfg_attr(
    all(feature = "postgres", feature = "mysql"),
    doc = "
```
use diesel::prelude::*;
use orm_core::prelude::*;
orm_core::connection!(SqliteConnection);
diesel::table! { partners { id -> Integer, name -> Text } }
#[derive(Model)]
struct Partner { id: i32, name: String }
fn main() {}
```

One that says nothing is not:

```compile_fail,E0277
use diesel::prelude::*;
use orm_core::prelude::*;
diesel::table! { partners { id -> Integer, name -> Text } }
#[derive(Model)]
struct Partner { id: i32, name: String }
fn main() {}
```
"
)]
