"""How "pico" was made: the small SAM 2 that ships in the wheel, trained from scratch on procedural scenes."""
