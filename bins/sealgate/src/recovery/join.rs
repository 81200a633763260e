//! A trustee joins shares and stages a restore.

use std::path::PathBuf;

use clap::Args;
use hardened_crypto::recovery::RecoveryShare;
use hardened_crypto::user_secret::UserSecret;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use vault_client::recovery::join;
use zeroize::Zeroizing;

use super::{Actor, AnswerArgs};
use crate::remote::{Outcome, read_optional_secret, read_text, show};
use crate::serve::say;

/// Options of `recovery join`.
#[derive(Debug, Args)]
pub(crate) struct Join {
    #[command(flatten)]
    actor: Actor,

    #[command(flatten)]
    answer: AnswerArgs,

    /// The owner's user id.
    #[arg(long)]
    owner: Uuid,

    /// File with the other trustees' shares as `recovery open` wrote them, one on each line;
    /// `-` for standard input.
    #[arg(long)]
    shares_file: Option<PathBuf>,

    /// File with the owner's new secret, `-` for standard input; default the variable
    /// SEALGATE_NEW_USER_SECRET. Without either a secret is made and written to standard
    /// output.
    #[arg(long)]
    new_secret_file: Option<PathBuf>,
}

impl Join {
    pub(super) async fn join(self) -> Outcome {
        let client = self.actor.remote.client()?;
        let keys = self.actor.keys(&client).await?;
        let held = client.held_share(&self.owner.to_string()).await?;
        let own = held.open(&keys, self.answer.read()?.as_ref())?;
        let others = self.others()?;
        let (new, is_made) = self.new_secret()?;
        let blobs = join(&held, own, others, &new)?;
        let staged = client.stage_restore(&held, &blobs).await?;
        say(&format!(
            "restore {} is staged; the owner can make it active from {} on\n",
            staged.restore_id, staged.not_before_utc
        ));
        if is_made {
            // Expose: shown to whoever hands it to the owner, this once.
            show(&Zeroizing::new(format!("{}\n", new.expose_secret())))?;
        }
        Ok(())
    }

    fn others(&self) -> Outcome<Vec<RecoveryShare>> {
        let Some(file) = &self.shares_file else {
            return Ok(Vec::new());
        };
        let text = read_text(file)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let shares = lines.map(|line| RecoveryShare::parse_text(line.as_bytes()));
        Ok(shares.collect::<Result<_, _>>()?)
    }

    fn new_secret(&self) -> Outcome<(SecretString, bool)> {
        let file = self.new_secret_file.as_deref();
        if let Some(given) = read_optional_secret(file, "SEALGATE_NEW_USER_SECRET")? {
            return Ok((given, false));
        }
        let (_, made) = UserSecret::make()?;
        Ok((made, true))
    }
}
