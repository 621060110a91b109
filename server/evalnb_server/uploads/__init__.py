"""tus 1.0 on the wire: its headers, and a body taken in piece by piece. What they mean is in ``evalnb.uploads``."""
