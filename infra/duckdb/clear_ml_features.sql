-- Removes all rows, in the transaction that writes the new ones.
DELETE FROM {ml_features};
