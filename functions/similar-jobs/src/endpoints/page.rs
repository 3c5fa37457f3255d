//! The files of the page.

use std::future::ready;
use std::sync::Arc;

use futures::FutureExt;

use super::{Answering, Call, Pending, Route};
use crate::page::{FILES, File};
use crate::request::Refusal;

/// A route for each file.
pub(super) fn routes() -> impl Iterator<Item = Route> {
    FILES.iter().map(|file| Route {
        path: file.path,
        openapi: "",
        is_limited: false,
        takes_post: false,
        endpoint: Arc::new(file),
    })
}

impl Answering for &'static File {
    /// Accepts any parameters: they are for the page's script.
    fn read(self: Arc<Self>, _: Call<'_>) -> Result<Pending, Refusal> {
        Ok(Box::new(move |_| ready(Ok(self.answer())).boxed()))
    }
}
