"""Judging models on sharp pictures: the tables, the paper's four pairs and its figure."""
