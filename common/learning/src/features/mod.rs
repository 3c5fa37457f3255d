//! From ads to numbers: what is fitted on training ads is saved with the model and transforms new ads in the same way.
//!
//! - [`table`]: ads as columns, read once; [`grams`], [`corpus`]: n-grams, their counts and TF-IDF
//! - [`numeric`]: numbers that an ad states; [`keys`]: keys of companies, titles and places
//! - [`pay_columns`]: the stated salary, for models of roles and clusters
//! - [`encoding`]: categories as numbers; [`projection`]: SVD and PCA; [`neighbours`]: salaries of the nearest ads
//! - [`rich`]: the wide sparse matrix of linear models
//! - [`schema`]: the list of features

pub mod corpus;
pub mod encoding;
pub mod grams;
pub mod keys;
pub mod neighbours;
pub mod numeric;
pub mod pay_columns;
mod phrases;
pub mod projection;
pub mod rich;
pub mod schema;
pub mod sparse;
pub mod table;

pub use numeric::extract_numerical_features;
pub use schema::Feature;
pub use table::AdTable;
