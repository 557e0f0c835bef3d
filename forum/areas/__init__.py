"""Areas: where threads live, and who may see them."""
