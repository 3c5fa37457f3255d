//! The files of the page, each an endpoint.

use common::runtime::http_util::{Body, Problem};
use hyper::Response;

use super::{Call, Context, Endpoint};
use crate::page::{FILES, File};
use crate::request::Refusal;

/// The endpoints of the page's files.
pub(super) fn files() -> impl Iterator<Item = &'static File> {
    FILES.iter()
}

impl Endpoint for &'static File {
    type Request = ();

    const IS_LIMITED: bool = false;

    fn path(&self) -> &'static str {
        self.path
    }

    fn openapi(&self) -> Option<&'static str> {
        None
    }

    /// Takes any parameters: the script of the page reads them.
    fn parse(&self, _: Call<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    async fn answer(&self, (): (), _: Context) -> Result<Response<Body>, Problem> {
        Ok(File::answer(self))
    }
}
