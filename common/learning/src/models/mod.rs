//! Models of salaries behind one trait.
