//! The real binary, over real sockets, as its users meet it.

mod canary;
mod crash;
mod first_start;
mod operator;
mod secret_offloading;
mod support;
mod upstream;
mod use_cases;
