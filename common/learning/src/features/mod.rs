//! From ads to numbers: what is fitted on training ads is saved with the model and transforms new ads in the same way.
