"""Model versions as folders, and the records of how they were judged and promoted."""
