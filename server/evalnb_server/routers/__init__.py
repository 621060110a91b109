"""HTTP routes, one file for each noun: parse, call one verb, answer with a wire shape."""
