"""Files ⇄ core records, each with a named loss report."""
