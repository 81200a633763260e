//! `sealgate recovery`: trustees, and what they do when a user secret is lost.
//!
//! Private keys, shares and answers are opened in this process. Standard output carries results
//! alone (a share, a new secret), standard error everything else.

mod drill;
mod join;
mod open;
mod split;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hardened_crypto::recovery::Answer;
use secrecy::{ExposeSecret, SecretString};
use vault_client::OpenKeys;

use crate::remote::{self, Outcome, Remote, read_optional_secret, read_secret};

/// What to do about recovery.
#[derive(Debug, Subcommand)]
pub(crate) enum Recovery {
    /// Owner: entrust your private keys to one trustee, or to any k of n.
    Split(split::Split),
    /// Trustee: write your opened share to standard output, for the one who joins.
    Open(open::Open),
    /// Trustee: join shares and stage a restore under a new secret of the owner.
    Join(join::Join),
    /// Administrator: rehearse all of it with users made for the purpose and removed again.
    Drill(drill::Drill),
}

impl Recovery {
    pub(crate) fn run(self) -> ExitCode {
        remote::run(async {
            match self {
                Self::Split(split) => split.split().await,
                Self::Open(open) => open.open().await,
                Self::Join(join) => join.join().await,
                Self::Drill(drill) => drill.drill().await,
            }
        })
    }
}

/// Who acts, with the secret that opens their own keys.
#[derive(Debug, Args)]
struct Actor {
    #[command(flatten)]
    remote: Remote,

    /// File with your user secret, `-` for standard input; default the variable
    /// SEALGATE_USER_SECRET.
    #[arg(long)]
    user_secret_file: Option<PathBuf>,
}

impl Actor {
    fn secret(&self) -> Outcome<SecretString> {
        read_secret(self.user_secret_file.as_deref(), "SEALGATE_USER_SECRET")
    }

    async fn keys(&self, client: &vault_client::Client) -> Outcome<OpenKeys> {
        Ok(client.open_keys(&self.secret()?).await?)
    }
}

/// The answer that a mask is made of.
#[derive(Debug, Args)]
struct AnswerArgs {
    /// File with the answer to the hint, `-` for standard input; default the variable
    /// SEALGATE_RECOVERY_ANSWER.
    #[arg(long)]
    answer_file: Option<PathBuf>,
}

impl AnswerArgs {
    fn text(&self) -> Outcome<Option<SecretString>> {
        read_optional_secret(self.answer_file.as_deref(), "SEALGATE_RECOVERY_ANSWER")
    }

    fn read(&self) -> Outcome<Option<Answer>> {
        self.text()?.as_ref().map(normalised).transpose()
    }
}

fn normalised(text: &SecretString) -> Outcome<Answer> {
    // Expose: normalised into a type that wipes itself.
    Ok(Answer::new(text.expose_secret())?)
}
