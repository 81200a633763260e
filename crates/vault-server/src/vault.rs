//! Use cases: a principal, typed input and the store in; typed output out. No HTTP here.

pub mod principal;
