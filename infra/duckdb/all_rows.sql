-- Part of scan_features.sql and select_embeddings.sql: all rows.
TRUE
