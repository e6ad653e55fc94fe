//! Nothing: this package is its tests, in `tests/main_job`.
