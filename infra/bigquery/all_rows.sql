-- Part of the statements that read ads to learn from or to predict: all ads.
TRUE
