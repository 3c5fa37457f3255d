//! One self-contained HTML page for each trained model, and the parts that such pages are made of.
//!
//! - [`salary`]: the page of a salary model, [`salary::SalaryReport`]
//! - [`cluster`]: the page of a clustering, [`cluster::ClusterReport`]
//! - [`role`]: the page of a role classifier, [`role::RoleReport`]
//! - `shared`: what all pages say alike
//! - [`html`]: escaped markup, sections, the page around them
//! - [`table`]: tables with captions
//! - [`charts`]: charts as inline SVG
//! - [`numbers`]: numbers as texts
//!
//! Everything here makes strings: no I/O, no clock, no randomness, so that the same data give the same bytes. A page
//! requests nothing; its Content-Security-Policy forbids everything but its own style sheet and script.

pub mod charts;
pub mod cluster;
pub mod html;
#[cfg(test)]
mod markup;
pub mod numbers;
pub mod role;
pub mod salary;
mod shared;
pub mod table;

pub use html::{Html, Page, Section};
