//! One self-contained HTML page for each trained model.
