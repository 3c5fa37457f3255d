-- Takes one row by its number, which costs the same in a table of any size; a join on row numbers reads every vector.
INSERT INTO donors SELECT * FROM job_embeddings WHERE rowid = $1;
