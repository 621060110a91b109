"""Record ⇄ table: the only place that queries."""
