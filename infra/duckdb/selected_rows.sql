-- Part of scan_features.sql: the selected rows of a page.
rowid IN (SELECT embedding FROM selected_embeddings WHERE embedding >= $2 AND embedding < $3)
