"""Who takes part: the network, its organisations, its members, and how they sign in."""
