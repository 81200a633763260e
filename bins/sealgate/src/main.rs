//! Self-hosted secrets vault and credential-injecting proxy.
//!
//! In: flags and `SEALGATE_*` variables. Out: a running server, files, or a client's work on a
//! server. Everything else is in `vault-server` and `vault-client`.

#![forbid(unsafe_code)]

mod audit;
mod backup;
mod init;
mod recovery;
mod remote;
mod secret;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Self-hosted secrets vault and credential-injecting proxy.
#[derive(Debug, Parser)]
#[command(name = "sealgate", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the data directory, the database, the root key file and the first root API key.
    Init(init::Init),
    /// Check or export the audit log.
    Audit(audit::Audit),
    /// Copy the data directory, also of a running server.
    Backup(backup::Backup),
    /// Make a data directory of a backup.
    Restore(backup::Restore),
    /// Run the server until SIGTERM or SIGINT, then finish the requests in flight.
    Serve(Box<serve::Serve>),
    /// User secrets.
    #[command(subcommand)]
    Secret(secret::Secret),
    /// Survive the loss of a user secret with the help of trustees.
    #[command(subcommand)]
    Recovery(recovery::Recovery),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Audit(audit) => audit.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Init(init) => init.run(),
        Command::Serve(serve) => serve.run(),
        Command::Secret(secret) => secret.run(),
        Command::Recovery(recovery) => recovery.run(),
    }
}
