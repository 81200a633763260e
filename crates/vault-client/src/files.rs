//! The calls about files, streamed both ways.

use crate::{
    client::{Client, X_USER_SECRET, json, send, sensitive},
    error::ClientError,
    kv::encode,
    types::File,
};
use reqwest::{Body, Method, Response, header};
use secrecy::SecretString;
use std::{fmt, ops::RangeInclusive};

const RAW: &str = "application/octet-stream";

/// A file on its way in. Its contents are a [`Body`]: bytes, or a stream of any length.
pub struct NewFile<'a> {
    /// Its name: one path segment.
    pub name: &'a str,
    /// Its media type.
    pub content_type: &'a str,
    /// Its contents.
    pub body: Body,
}

impl fmt::Debug for NewFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewFile").finish_non_exhaustive()
    }
}

/// The contents of a file on their way out.
pub struct FileStream {
    response: Response,
}

impl FileStream {
    /// Bytes that come, if the server said so.
    #[must_use]
    pub fn byte_count(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The file's media type.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        let value = self.response.headers().get(header::CONTENT_TYPE);
        value.and_then(|value| value.to_str().ok())
    }

    /// The next bytes; `None` at the end. What was given out before an error is not the whole.
    ///
    /// # Errors
    /// [`ClientError::Transport`] when the transfer broke off, also because a stored body did
    /// not authenticate.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.response.chunk().await?.map(Into::into))
    }
}

impl fmt::Debug for FileStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStream").finish_non_exhaustive()
    }
}

impl Client {
    /// Stores a file.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `too_large` or `wrong_user_secret`; nothing is stored then.
    pub async fn upload(
        &self,
        file: NewFile<'_>,
        secret: &SecretString,
    ) -> Result<File, ClientError> {
        let (name, content_type) = (encode(file.name), encode(file.content_type));
        let path = format!("/v1/files?fileName={name}&contentType={content_type}");
        let request = self
            .request(Method::POST, &path)
            .header(X_USER_SECRET, sensitive(secret)?)
            .header(header::CONTENT_TYPE, RAW)
            .body(file.body);
        json(request).await
    }

    /// The caller's files after `after`; one page.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn files(
        &self,
        after: Option<&str>,
        secret: &SecretString,
    ) -> Result<Vec<File>, ClientError> {
        let path = match after {
            None => "/v1/files".to_owned(),
            Some(after) => format!("/v1/files?after={}", encode(after)),
        };
        let request = self.request(Method::GET, &path);
        json(request.header(X_USER_SECRET, sensitive(secret)?)).await
    }

    /// Reads a file of the caller, or a range of its bytes.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`, `wrong_user_secret` or
    /// `range_not_satisfiable`.
    pub async fn download(
        &self,
        file_id: &str,
        range: Option<RangeInclusive<u64>>,
        secret: &SecretString,
    ) -> Result<FileStream, ClientError> {
        let path = format!("/v1/files/{}", encode(file_id));
        self.stream(&path, range, secret).await
    }

    /// Reads a file that was shared with the caller, or a range of its bytes.
    ///
    /// # Errors
    /// As [`download`](Self::download).
    pub async fn download_shared(
        &self,
        share_id: &str,
        range: Option<RangeInclusive<u64>>,
        secret: &SecretString,
    ) -> Result<FileStream, ClientError> {
        let path = format!("/v1/files/shared/{}", encode(share_id));
        self.stream(&path, range, secret).await
    }

    /// Erases a file with its shares.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn delete_file(&self, file_id: &str) -> Result<(), ClientError> {
        let path = format!("/v1/files/{}", encode(file_id));
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }

    async fn stream(
        &self,
        path: &str,
        range: Option<RangeInclusive<u64>>,
        secret: &SecretString,
    ) -> Result<FileStream, ClientError> {
        let request = self
            .request(Method::GET, path)
            .header(X_USER_SECRET, sensitive(secret)?)
            .header(header::ACCEPT, RAW);
        let request = match range {
            None => request,
            Some(range) => {
                let range = format!("bytes={}-{}", range.start(), range.end());
                request.header(header::RANGE, range)
            }
        };
        let response = send(request).await?;
        Ok(FileStream { response })
    }
}
