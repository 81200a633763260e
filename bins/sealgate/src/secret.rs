//! `sealgate secret`: user secrets that nobody can guess.

use std::process::ExitCode;

use clap::Subcommand;
use hardened_crypto::user_secret::UserSecret;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::remote::{self, Outcome, show};

/// What to do with user secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Make a user secret of 256 random bits and write it to standard output.
    New,
}

impl Secret {
    pub(crate) fn run(self) -> ExitCode {
        remote::run(async { self.secret() })
    }

    fn secret(self) -> Outcome {
        match self {
            Self::New => {
                let (_, text) = UserSecret::make()?;
                // Expose: shown to whoever asked for it, this once.
                show(&Zeroizing::new(format!("{}\n", text.expose_secret())))
            }
        }
    }
}
