"""The demo: procedural scenes with exact labels, and a home prepared to show the whole loop."""
