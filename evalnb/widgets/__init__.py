"""The Python half of each widget; `static/` holds the built browser half."""
