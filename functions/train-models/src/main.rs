//! Trains models of ads, judges them, and publishes those that are better than what is served.

fn main() {}
