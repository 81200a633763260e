//! What commands that speak to a server share: its address, and secrets from anywhere but the
//! command line.
//!
//! A secret comes from a file, from standard input (`-`), or from the environment; never from an
//! argument, which every process of the machine can read.

use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use vault_client::Client;
use zeroize::Zeroizing;

use crate::serve::say;

/// What every command returns.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The longest secret, answer or list of shares that is read.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

/// Which server, as whom.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// Address of the server, `https://vault.example.com`.
    #[arg(long, env = "SEALGATE_SERVER")]
    server: String,

    /// File with the API key, `-` for standard input; default the variable SEALGATE_API_KEY.
    #[arg(long)]
    api_key_file: Option<PathBuf>,

    /// PEM file with certificate authorities to trust instead of the public ones.
    #[arg(long, env = "SEALGATE_CA_FILE")]
    ca_file: Option<PathBuf>,
}

impl Remote {
    /// A client of the server, as the owner of the API key.
    pub(crate) fn client(&self) -> Outcome<Client> {
        let key = read_secret(self.api_key_file.as_deref(), "SEALGATE_API_KEY")?;
        self.client_as(key)
    }

    /// A client of the server, with another API key.
    pub(crate) fn client_as(&self, key: SecretString) -> Outcome<Client> {
        let Some(file) = &self.ca_file else {
            return Ok(Client::new(&self.server, key)?);
        };
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
        Ok(Client::with_roots(&self.server, key, roots)?)
    }
}

/// The secret in a file or, without one, in a variable.
pub(crate) fn read_secret(file: Option<&Path>, variable: &str) -> Outcome<SecretString> {
    read_optional_secret(file, variable)?.ok_or_else(|| {
        let hint = "is not set, and no file is named";
        format!("{variable} {hint}").into()
    })
}

/// As [`read_secret`]; `None` when there is neither.
pub(crate) fn read_optional_secret(
    file: Option<&Path>,
    variable: &str,
) -> Outcome<Option<SecretString>> {
    let text = match file {
        Some(file) => Some(read_text(file)?),
        None => std::env::var(variable).ok().map(Zeroizing::new),
    };
    // One line break at the end is the editor's, not the secret's.
    let trimmed = text.as_ref().map(|text| {
        let line = text.strip_suffix('\n').unwrap_or(text);
        line.strip_suffix('\r').unwrap_or(line)
    });
    let found = trimmed.filter(|text| !text.is_empty());
    Ok(found.map(SecretString::from))
}

/// A small text from a file, or from standard input for `-`.
pub(crate) fn read_text(file: &Path) -> Outcome<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = if file == Path::new("-") {
        let input = std::io::stdin().lock();
        input.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        let input = std::fs::File::open(file)?;
        input.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)
    };
    if read? as u64 > INPUT_BYTES_MAX {
        return Err("the input is too long".into());
    }
    Ok(text)
}

/// Runs a command on a runtime of its own, and says on standard error why it failed.
pub(crate) fn run(command: impl Future<Output = Outcome>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(command));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("sealgate: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output; a result that nobody got is a failure.
pub(crate) fn show(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
