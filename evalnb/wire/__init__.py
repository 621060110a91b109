"""Every shape that leaves Python, over HTTP or a comm. TypeScript's types are generated from these."""
