"""Why two programs differ in latency: the parts of the difference, as far as the measurements show them."""
